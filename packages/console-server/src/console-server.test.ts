import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { applyMessage, type LiveMessage, type LiveView } from '@semcast/console-messages';
import { createHttpServer, createLogger, type HttpServer } from '@semcast/service';
import { startLiveServices, type LiveServices } from '@semcast/testkit';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { consoleConfigSchema } from './config.js';
import { createConsoleServer, type ConsoleServer } from './console-server.js';

let picture: Buffer;
beforeAll(async () => {
  picture = await sharp(new Uint8Array(3 * 16 * 16), { raw: { width: 16, height: 16, channels: 3 } })
    .png()
    .toBuffer();
});

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

interface Started {
  readonly services: LiveServices;
  readonly http: HttpServer;
  readonly consoleServer: ConsoleServer;
  readonly url: string;
}

async function start(config: object = {}, options: { readonly pageDir?: string } = {}): Promise<Started> {
  const services = await startLiveServices({ picture });
  closers.push(() => services.close());
  const logger = createLogger({ service: 'console', level: 'silent' });
  const http = await createHttpServer({
    service: 'console',
    host: '127.0.0.1',
    port: 0,
    logger,
    ready: () => ({ ready: true, reasons: [] }),
  });
  const { transmitterUrl, channelUrl, receiverUrl } = services;
  const consoleServer = await createConsoleServer({
    http,
    logger,
    config: consoleConfigSchema.parse({ transmitterUrl, channelUrl, ...config }),
    receiverUrl: () => receiverUrl,
    pageDir: options.pageDir ?? join(tmpdir(), 'semcast-no-page'),
  });
  closers.push(async () => {
    await consoleServer.close();
    await http.close();
  });
  const { url } = await http.listen();
  return { services, http, consoleServer, url };
}

/** A page as the server sees one. */
async function look(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/live`, { headers });
  const page = { view: null as LiveView | null, messages: [] as LiveMessage[], socket, closed: 0, refused: 0 };
  closers.push(async () => {
    socket.terminate();
  });
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as LiveMessage;
    page.messages.push(message);
    page.view = applyMessage(page.view, message, Date.now());
  });
  socket.on('close', (code) => (page.closed = code));
  socket.on('unexpected-response', (_request, response) => (page.refused = response.statusCode ?? 0));
  socket.on('error', () => {});
  await new Promise<void>((resolve) => {
    for (const event of ['open', 'close', 'unexpected-response']) {
      socket.once(event, () => resolve());
    }
  });
  return page;
}

/** A request for a WebSocket from somebody who isn't bound to do it right. */
function dial(url: string, path: string, header: string): Socket {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${header}\r\n`,
  );
  return socket;
}

async function connectionsOf({ app }: HttpServer): Promise<number> {
  return promisify(app.server.getConnections.bind(app.server))();
}

describe('the live side', () => {
  it('gives a page everything, then what changes, of all three services', async () => {
    const { services, url } = await start();
    services.emitFrame(0, { snrDb: 7 });
    const page = await look(url);
    await expect.poll(() => page.view?.sections.shown?.pictures.length).toBe(2);
    await expect.poll(() => page.view?.tables.quality.length).toBe(1);
    const { sections } = page.view!;
    expect(sections.services).toMatchObject({
      transmitter: { state: 'here' },
      channel: { state: 'here' },
      receiver: { state: 'here' },
    });
    expect(sections.channel).toMatchObject({ snrDb: 7 });
    expect(sections.scope).toMatchObject({ frame: 0, effectiveSnrDb: 7, estimatedSnrDb: null });
    expect(sections.streams).toMatchObject([{ stream: 'demo', frames: 1 }]);
    expect(Object.keys(sections.offers.models)).toEqual(['awgn']);
    expect(page.messages.filter(({ type }) => type === 'snapshot')).toHaveLength(1);
    // A page that comes later has the same by its snapshot.
    const later = await look(url);
    await expect.poll(() => later.view?.tables.quality).toEqual(page.view!.tables.quality);
    expect(later.view!.sections.shown).toEqual(sections.shown);
    const { pictures } = sections.shown!;
    const answer = await fetch(url + pictures[0]!.url);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(picture);
  });

  it('reads nothing while nobody looks', async () => {
    const { services, url } = await start();
    expect(services.receiver.watched).toBe(false);
    await look(url);
    await expect.poll(() => services.receiver.watched).toBe(true);
  });

  it('says that a service is away, and that it is back', async () => {
    const { services, url } = await start();
    const page = await look(url);
    await expect.poll(() => page.view?.sections.services.channel.state).toBe('here');
    await services.stop('channel');
    await expect.poll(() => page.view?.sections.services.channel.state, { timeout: 20_000 }).toBe('away');
    expect(page.view!.sections.services.channel.message).toContain('E_SERVICE_AWAY');
    await expect.poll(() => page.view?.events.map(({ event }) => event)).toContain('service-away');
  });

  it('says goodbye to its pages when it closes', async () => {
    const { consoleServer, url } = await start();
    const page = await look(url);
    await expect.poll(() => consoleServer.pages).toBe(1);
    await consoleServer.close();
    await expect.poll(() => page.closed).toBe(1001);
    expect(consoleServer.pages).toBe(0);
  });

  it('keeps out pages of other hosts', async () => {
    const { url } = await start();
    expect((await look(url, { origin: 'https://elsewhere.example' })).refused).toBe(403);
    expect((await look(url, { origin: 'null' })).refused).toBe(403);
    expect((await look(url, { origin: url })).refused).toBe(0);
  });

  it('has room for a page, however many idle connections there are', async () => {
    const { url, consoleServer, http } = await start();
    const idle = Array.from({ length: 40 }, () => dial(url, '/live', ''));
    closers.push(async () => {
      for (const socket of idle) {
        socket.destroy();
      }
    });
    await Promise.all(idle.map((socket) => once(socket, 'data')));
    // As many as one address may have.
    await expect.poll(() => connectionsOf(http)).toBe(16);
    const page = await look(url);
    await expect.poll(() => page.view).not.toBeNull();
    await expect.poll(() => consoleServer.pages).toBe(16);
  });

  it('closes the oldest page for one more, with a message', async () => {
    const { url, consoleServer } = await start({ maxPages: 2 });
    const [first, second, third] = [await look(url), await look(url), await look(url)];
    await expect.poll(() => first.closed).toBe(1013);
    await expect.poll(() => consoleServer.pages).toBe(2);
    expect([second.closed, third.closed]).toEqual([0, 0]);
  });

  it('refuses other upgrades, and lets no page talk much', async () => {
    const { url } = await start();
    const other = new WebSocket(`${url.replace('http', 'ws')}/other`);
    const status = await new Promise((resolve) => {
      other.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      other.on('error', () => {});
    });
    other.terminate();
    expect(status).toBe(404);
    const page = await look(url);
    page.socket.send('x'.repeat(2000));
    await expect.poll(() => page.closed).toBe(1009);
  });

  it.each([
    ['a path where nothing is', '/nothing', ''],
    ['a page of another host', '/live', 'Origin: https://elsewhere.example\r\n'],
    ['the page itself', '/live', ''],
  ])('outlives the reset of a connection for %s', async (_name, path, header) => {
    const { url, http } = await start({ maxPages: 1 });
    for (let i = 0; i < 10; i++) {
      const socket = dial(url, path, header);
      await once(socket, 'connect');
      socket.resetAndDestroy();
    }
    await expect.poll(() => connectionsOf(http)).toBe(0);
    expect((await look(url)).refused).toBe(0);
  });

  it.each([
    ['a path where nothing is', '/nothing', '', 404],
    ['a page of another host', '/live', 'Origin: https://elsewhere.example\r\n', 403],
  ])('answers and closes a connection for %s that its peer has ended', async (_name, path, header, status) => {
    const { url, http } = await start();
    const socket = dial(url, path, header);
    socket.end();
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    await expect.poll(() => connectionsOf(http)).toBe(0);
  });

  it('owes nothing to a page that does not read', async () => {
    const { services, url } = await start();
    const slow = await look(url);
    await expect.poll(() => slow.view).not.toBeNull();
    slow.socket.pause();
    const quick = await look(url);
    for (let frame = 0; frame < 30; frame++) {
      services.emitFrame(frame);
    }
    await expect.poll(() => quick.view?.sections.streams[0]?.frames).toBe(30);
    slow.socket.resume();
    // It has the newest state, whatever it missed on the way.
    await expect.poll(() => slow.view?.sections.streams[0]?.frames).toBe(30);
  });
});

describe('the controls', () => {
  const put = async (url: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as { error?: { code: string; message: string } } };
  };

  it('go to the service that they concern, with its token', async () => {
    const { services, url } = await start({ channelToken: 'c', transmitterToken: 't', controlToken: 'p' });
    const headers = { authorization: 'Bearer p' };
    expect((await put(`${url}/control/channel`, { snrDb: 3 }, headers)).status).toBe(200);
    expect((await put(`${url}/control/stream`, { fps: 2 }, headers)).status).toBe(200);
    expect(services.changes).toEqual([
      { path: '/channel', body: { snrDb: 3 }, authorization: 'Bearer c' },
      { path: '/stream', body: { fps: 2 }, authorization: 'Bearer t' },
    ]);
  });

  it("answer with the service's own message", async () => {
    const { services, url } = await start();
    expect(await put(`${url}/control/channel`, { refuse: 1 })).toMatchObject({
      status: 400,
      body: { error: { code: 'E_ARGUMENT', message: 'this is refused' } },
    });
    // Options of a decoder are shown to the receiver first.
    const options = { decoder: 'jscc', decoderOptions: { wrong: 1 } };
    expect(await put(`${url}/control/stream`, options)).toMatchObject({
      status: 400,
      body: { error: { message: 'these options are wrong' } },
    });
    expect(services.changes).toHaveLength(1);
    await put(`${url}/control/stream`, { decoder: 'jscc', decoderOptions: { steps: 4 } });
    expect(services.changes).toHaveLength(2);
  });

  it('say so when the service is away', async () => {
    const { services, url } = await start();
    await services.stop('channel');
    expect(await put(`${url}/control/channel`, { snrDb: 3 })).toMatchObject({
      status: 502,
      body: { error: { code: 'E_SERVICE_AWAY' } },
    });
  });

  it('take the token where one is configured', async () => {
    const { services, url } = await start({ controlToken: 'open sesame' });
    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      for (const what of ['channel', 'stream']) {
        expect(await put(`${url}/control/${what}`, { fps: 1 }, headers)).toMatchObject({
          status: 401,
          body: { error: { code: 'E_CONTROL_TOKEN' } },
        });
      }
    }
    expect(services.changes).toEqual([]);
    const headers = { authorization: 'Bearer open sesame' };
    expect((await put(`${url}/control/channel`, { snrDb: 1 }, headers)).status).toBe(200);
    // The page's token is the console's; the services never see it.
    expect(services.changes).toEqual([{ path: '/channel', body: { snrDb: 1 } }]);
  });

  it('are not opened by the tokens that the console has for the services', () => {
    const parsed = consoleConfigSchema.safeParse({ channelToken: 'c' });
    expect(parsed.error?.issues).toMatchObject([
      { path: ['controlToken'], message: expect.stringContaining('required') },
    ]);
  });

  it('are not for pages of other hosts', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/control/channel`, {
      method: 'OPTIONS',
      headers: { origin: 'https://elsewhere.example', 'access-control-request-method': 'PUT' },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.ok).toBe(false);
  });
});

describe('the page', () => {
  async function pageDir(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'semcast-page-'));
    closers.push(() => rm(dir, { recursive: true }));
    await mkdir(join(dir, 'assets'));
    await writeFile(join(dir, 'index.html'), '<!doctype html><title>x</title>');
    await writeFile(join(dir, 'assets', 'index-1.js'), 'export {};');
    await writeFile(join(dir, 'secret.txt'), 'not of the page');
    return dir;
  }

  it('is served with a policy that lets in nothing from elsewhere', async () => {
    const { url } = await start({}, { pageDir: await pageDir() });
    const answer = await fetch(`${url}/`);
    expect(answer.status).toBe(200);
    const policy = answer.headers.get('content-security-policy')!;
    const { host } = new URL(url);
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      `connect-src 'self' ws://${host} wss://${host}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    const script = await fetch(`${url}/assets/index-1.js`);
    expect(script.headers.get('content-encoding')).toBe('gzip');
    expect(script.headers.get('cache-control')).toContain('immutable');
    expect(await script.text()).toBe('export {};');
  });

  it('is all that is served', async () => {
    const { url } = await start({}, { pageDir: await pageDir() });
    for (const path of ['/secret.txt', '/assets/../secret.txt', '/assets/%2e%2e/secret.txt', '/pictures/0/final-0']) {
      expect((await fetch(url + path)).status, path).toBe(404);
    }
  });

  it('says how to build it when it has not been', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/`);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('npm run build');
  });
});
