import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ownHosts } from './own-hosts.js';

describe('a host', () => {
  const isOwn = ownHosts({ host: 'lab-7', allowedHosts: ['Receiver', 'semcast.example.org'] });

  it.each([
    'localhost',
    'LOCALHOST:7402',
    'console.localhost:7402',
    '127.0.0.1:7402',
    '10.89.0.2',
    '[::1]:7402',
    '[fe80::1]',
    'lab-7:7402',
    'receiver:7402',
    'semcast.example.org',
    `${hostname()}:7402`,
  ])('%s is its own', (host) => {
    expect(isOwn(host)).toBe(true);
  });

  it.each([
    '',
    'elsewhere.example',
    'elsewhere.example:7402',
    'localhost.elsewhere.example',
    '127.0.0.1.elsewhere.example',
    'semcast.example.org.elsewhere.example',
    'other.example.org',
    'notlocalhost',
    'transmitter',
    ':7402',
    '[::1',
    'a b',
  ])('"%s" is foreign', (host) => {
    expect(isOwn(host)).toBe(false);
  });
});
