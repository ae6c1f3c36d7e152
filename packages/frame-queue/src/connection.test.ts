import { describe, expect, it } from 'vitest';
import { paceReconnects, parseQueueUrl } from './connection.js';

describe('the address of a queue', () => {
  it.each([
    ['nats://a:4222', { servers: ['a:4222'] }],
    ['nats://a,nats://b:4223', { servers: ['a', 'b:4223'] }],
    ['nats://me:h%40sh@a:4222,nats://b', { servers: ['a:4222', 'b'], user: 'me', pass: 'h@sh' }],
    ['nats://token@a', { servers: ['a'], token: 'token' }],
    ['tls://a:4222', { servers: ['a:4222'], tls: {} }],
    ['nats://[::1]:4222', { servers: ['[::1]:4222'] }],
  ])('%s', (url, expected) => {
    expect(parseQueueUrl(url)).toEqual(expected);
  });
});

describe('attempts to connect again', () => {
  it('are half a second apart', () => {
    let nowMs = 0;
    const delay = paceReconnects(() => nowMs);
    const asked = [0, 100, 499, 500, 600, 5000].map((atMs) => {
      nowMs = atMs;
      return delay();
    });
    expect(asked).toEqual([-Infinity, 400, 1, -Infinity, 400, -Infinity]);
  });
});
