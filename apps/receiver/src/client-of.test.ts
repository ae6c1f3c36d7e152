import type { Delivery } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { clientOf } from './client-of.js';

const hello = { stream: 's', role: 'transmitter' } as Delivery['hello'];
const remoteAddress = '192.0.2.1';

describe('clientOf', () => {
  it('is the address of the link, whatever the stream is called', () => {
    for (const stream of ['a', 'b']) {
      expect(clientOf({ hello: { ...hello, stream }, remoteAddress }, { hasToken: true })).toBe(remoteAddress);
    }
  });

  it('is whom a channel speaks for, if it had to show a token', () => {
    const relayed = { hello: { ...hello, role: 'channel', client: '198.51.100.7' } as const, remoteAddress };
    expect(clientOf(relayed, { hasToken: true })).toBe('198.51.100.7 by 192.0.2.1');
    expect(clientOf(relayed, { hasToken: false })).toBe(remoteAddress);
    // A transmitter speaks for itself.
    const own = { hello: { ...hello, client: '198.51.100.7' }, remoteAddress };
    expect(clientOf(own, { hasToken: true })).toBe(remoteAddress);
  });
});
