import { describe, expect, it } from 'vitest';
import { isSecretName } from '@semcast/core';
import { redact } from './redact.js';

describe('redact', () => {
  it.each([
    'token',
    'receiverToken',
    'TOKEN',
    'password',
    'dbPassword',
    'secret',
    'apiKey',
    'api_key',
    'privateKey',
    'authorization',
    'cookie',
    'credentials',
  ])('hides %s', (name) => {
    expect(isSecretName(name)).toBe(true);
    expect(redact({ deep: { [name]: 'hunter2' } })).toEqual({ deep: { [name]: '[redacted]' } });
  });

  it('leaves names that only look like secrets', () => {
    const value = { tokenFile: '/run/token', tokens: 5, keyboard: 'de', stream: 'cam-1', snrDb: 5 };
    expect(redact(value)).toEqual(value);
  });

  it('shows that a secret is not set', () => {
    expect(redact({ token: undefined, password: null, secret: '' })).toEqual({
      token: undefined,
      password: null,
      secret: '',
    });
  });

  it('hides passwords in addresses', () => {
    expect(redact({ servers: ['nats://user:hunter2@host:4222', 'ws://127.0.0.1:7401/a:b@c'] })).toEqual({
      servers: ['nats://user:[redacted]@host:4222', 'ws://127.0.0.1:7401/a:b@c'],
    });
  });

  it('names binary data by its length', () => {
    expect(redact({ samples: new Float32Array(100), image: Buffer.alloc(7), raw: new ArrayBuffer(3) })).toEqual({
      samples: '[Float32Array of 400 bytes]',
      image: '[Buffer of 7 bytes]',
      raw: '[ArrayBuffer of 3 bytes]',
    });
  });

  it('ends on cycles, keeps classes, and changes nothing in place', () => {
    const date = new Date(0);
    const error = new Error('broken');
    const value: Record<string, unknown> = { token: 'hunter2', date, error };
    value['self'] = value;
    const redacted = redact(value);
    expect(redacted['date']).toBe(date);
    expect(redacted['error']).toBe(error);
    expect(JSON.stringify(redacted)).toContain('[…]');
    expect(JSON.stringify(redacted)).not.toContain('hunter2');
    expect(value['token']).toBe('hunter2');
  });
});
