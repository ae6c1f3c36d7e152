import { describe, expect, it } from 'vitest';
import { parseQueueUrl } from './connection.js';

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
