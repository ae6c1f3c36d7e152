import { describe, expect, it } from 'vitest';
import { frameHeadWith } from '../test/fixtures.js';
import { afterwards, link, startServer, until } from '../test/harness.js';
import { startTcpProxy } from '../test/tcp-proxy.js';
import { masks } from './open-link.js';

describe('masking', () => {
  it.each([
    ['ws://127.0.0.1:7401', false],
    ['ws://127.8.9.1', false],
    ['ws://[::1]:7401/', false],
    ['ws://localhost:7401', false],
    ['wss://receiver.example.org', false],
    ['ws://receiver:7402', true],
    ['ws://192.168.1.7', true],
    ['ws://127.example.org', true],
    ['ws://localhost.example.org', true],
    ['ws://[fe80::1]', true],
  ])('auto masks towards %s: %s', (url, masked) => {
    expect(masks(new URL(url), 'auto')).toBe(masked);
    expect(masks(new URL(url), 'random')).toBe(true);
    expect(masks(new URL(url), 'none')).toBe(false);
  });

  it.each([
    ['random', false],
    ['none', true],
  ] as const)('%s: the payload is readable on the wire: %s', async (masking, readable) => {
    const server = await startServer();
    const seen: Buffer[] = [];
    const proxy = await startTcpProxy(server.port, { onUpstream: (data) => seen.push(data) });
    afterwards(() => proxy.close());
    const client = link(`ws://127.0.0.1:${proxy.port}`, { masking });
    await client.ready;
    let arrived: Uint8Array | undefined;
    server.sessions[0]!.on('frame', ({ payload }) => {
      arrived = payload;
    });
    const payload = Buffer.from('semcast '.repeat(1000));
    await client.send({ head: frameHeadWith(0, 1000), payload });
    await until(() => arrived !== undefined);
    expect(Buffer.compare(arrived!, payload)).toBe(0);
    expect(Buffer.concat(seen).includes('semcast semcast semcast')).toBe(readable);
  });
});
