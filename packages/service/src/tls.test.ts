import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createHttpServer } from './http-server.js';
import { createLogger } from './logger.js';
import { readTls, reloadTls, tlsFiles, type TlsFiles } from './tls.js';

// Where it is missing, the test of the three services says so.
const openssl = ['/usr/bin/openssl', '/usr/local/bin/openssl'].find((path) => existsSync(path));
const logger = createLogger({ service: 'channel', destination: { write: () => {} } });

describe('tlsFiles', () => {
  it('wants both files or neither', () => {
    expect(tlsFiles(undefined, undefined)).toBeUndefined();
    expect(tlsFiles('a', 'b')).toEqual({ cert: 'a', key: 'b' });
    expect(() => tlsFiles('a', undefined)).toThrow(/tlsKey is missing/);
    expect(() => tlsFiles(undefined, 'b')).toThrow(/tlsCert is missing/);
  });
});

describe.skipIf(openssl === undefined)('TLS', () => {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'semcast-tls-'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  /** A certificate of its own for 127.0.0.1. */
  async function makeCertificate(name: string): Promise<TlsFiles> {
    const files = { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
    const out = ['-out', files.cert, '-keyout', files.key];
    await promisify(execFile)(openssl!, ['req', '-x509', ...curve, ...subject, ...out]);
    return files;
  }

  async function startServer(files: TlsFiles) {
    const server = await createHttpServer({
      service: 'channel',
      host: '127.0.0.1',
      port: 0,
      tlsCert: files.cert,
      tlsKey: files.key,
      ready: () => ({ ready: true, reasons: [] }),
      logger,
    });
    return { server, address: await server.listen() };
  }

  it('serves HTTP, and refuses those who do not know its certificate or speak plain HTTP', async () => {
    const files = await makeCertificate('first');
    const { server, address } = await startServer(files);
    try {
      expect(address.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
      expect(address.wsUrl).toMatch(/^wss:/);
      const asked = request(`${address.url}/healthz`, { ca: await readFile(files.cert), agent: false }).end();
      const [{ statusCode }] = (await once(asked, 'response')) as [{ statusCode: number }];
      asked.destroy();
      expect(statusCode).toBe(200);
      const strange = request(`${address.url}/healthz`, { agent: false }).end();
      expect(await once(strange, 'error')).toMatchObject([{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }]);
      await expect(fetch(address.url.replace('https', 'http'))).rejects.toThrow('fetch failed');
    } finally {
      await server.close();
    }
  });

  it('takes a new certificate while it serves, and keeps the old one while the new one is no pair', async () => {
    const files = await makeCertificate('old');
    const next = await makeCertificate('new');
    const { server, address } = await startServer(files);
    const lines: string[] = [];
    const stop = reloadTls(
      server.app.server as never,
      files,
      createLogger({ service: 'channel', destination: { write: (line: string) => lines.push(line) } }),
      20,
    );
    const nameOf = async (): Promise<unknown> => {
      const socket = connect({ port: Number(new URL(address.url).port), host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN;
    };
    try {
      expect(await nameOf()).toBe('old');
      await rename(next.cert, files.cert);
      await vi.waitUntil(() => lines.some((line) => line.includes('is not used')), { timeout: 20_000 });
      expect(await nameOf()).toBe('old');
      await rename(next.key, files.key);
      await vi.waitUntil(async () => (await nameOf()) === 'new', { timeout: 20_000 });
    } finally {
      stop();
      await server.close();
    }
  });

  it('says which file cannot be used', async () => {
    const file = join(dir, 'no.pem');
    await writeFile(file, 'no certificate');
    await expect(readTls({ cert: file, key: file })).rejects.toMatchObject({
      code: 'E_TLS',
      remedy: expect.stringContaining(file) as string,
    });
    await expect(readTls({ cert: join(dir, 'away'), key: file })).rejects.toMatchObject({ code: 'E_TLS' });
  });
});
