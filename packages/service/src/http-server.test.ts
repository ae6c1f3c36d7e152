import { EventEmitter, once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { SemcastError } from '@semcast/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkControlToken } from './control-token.js';
import { HttpError } from './errors.js';
import {
  createHttpServer,
  type HttpAddress,
  type HttpServer,
  type HttpServerOptions,
  type Readiness,
} from './http-server.js';
import { createLogger } from './logger.js';
import { createMetrics } from './metrics.js';

const running: HttpServer[] = [];
const log: string[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
  log.length = 0;
});

async function start(
  options: Partial<HttpServerOptions> = {},
  prepare: (server: HttpServer) => void = () => {},
): Promise<{ server: HttpServer; address: HttpAddress }> {
  const server = await createHttpServer({
    service: 'channel',
    host: '127.0.0.1',
    port: 0,
    metrics: createMetrics('channel'),
    ready: () => ({ ready: true, reasons: [] }),
    logger: createLogger({ service: 'channel', destination: { write: (line: string) => log.push(line) } }),
    ...options,
  });
  running.push(server);
  prepare(server);
  return { server, address: await server.listen() };
}

async function get(address: HttpAddress, path: string, init?: RequestInit) {
  const response = await fetch(address.url + path, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text || 'null') as unknown };
}

const send = (address: HttpAddress, path: string, body: string, type = 'application/json') =>
  get(address, path, { method: 'PUT', body, headers: { 'content-type': type } });

/** A JSON text of this many bytes. */
const bodyOf = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));
const tooLarge = (limit: number) => ({
  status: 413,
  body: {
    error: { code: 'E_BODY_TOO_LARGE', message: 'the body is too large', remedy: `send at most ${limit} bytes` },
  },
});

/** An upgraded connection, as ws makes one with `noServer`. */
async function upgrade(server: HttpServer, address: HttpAddress): Promise<{ client: Socket; served: Socket }> {
  const upgraded = new Promise<Socket>((resolve) => {
    server.upgrades.serve('/', ({ socket }) => {
      resolve(socket as Socket);
    });
  });
  const outgoing = request(address.url, { headers: { connection: 'Upgrade', upgrade: 'websocket' } });
  outgoing.end();
  const served = await upgraded;
  served.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const [, client] = (await once(outgoing, 'upgrade')) as [unknown, Socket];
  client.on('error', () => {});
  return { client, served };
}

describe('an HTTP server', () => {
  it('takes a free port for port 0 and says where it is', async () => {
    const { address } = await start();
    expect(address.port).toBeGreaterThan(0);
    expect(address).toEqual({
      host: '127.0.0.1',
      port: address.port,
      url: `http://127.0.0.1:${address.port}`,
      wsUrl: `ws://127.0.0.1:${address.port}`,
    });
    expect((await get(address, '/healthz')).status).toBe(200);
  });

  it('gives an address that can be dialled when it listens everywhere', async () => {
    const { address } = await start({ host: '0.0.0.0' });
    expect(address.url).toBe(`http://127.0.0.1:${address.port}`);
    expect((await get(address, '/healthz')).status).toBe(200);
  });

  it('serves metrics, health and readiness', async () => {
    const metrics = createMetrics('channel');
    metrics.frames.inc({ stage: 'impair', outcome: 'completed' });
    const { address } = await start({ metrics });
    const scraped = await fetch(`${address.url}/metrics`);
    expect(scraped.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const text = await scraped.text();
    expect(text).toContain('semcast_frames_total{stage="impair",outcome="completed"} 1');
    expect(text).toContain('process_cpu_seconds_total');
    expect((await get(address, '/healthz')).body).toEqual({
      status: 'ok',
      service: 'channel',
      uptimeSeconds: expect.any(Number),
    });
    expect(await get(address, '/readyz')).toMatchObject({ status: 200, body: { ready: true, reasons: [] } });
  });

  it('says why it is not ready, and survives a check that fails', async () => {
    const ready = vi.fn<() => Readiness>(() => ({ ready: false, reasons: ['the receiver is away'] }));
    const { address } = await start({ ready });
    expect(await get(address, '/readyz')).toMatchObject({
      status: 503,
      body: { ready: false, reasons: ['the receiver is away'] },
    });
    ready.mockImplementation(() => {
      throw new Error('broken check');
    });
    expect(await get(address, '/readyz')).toMatchObject({
      status: 503,
      body: { ready: false, reasons: ['the readiness check itself failed; the log says why'] },
    });
    expect(log.join('')).toContain('broken check');
    expect((await get(address, '/healthz')).status).toBe(200);
  });

  it('sends safe headers that still suit plain HTTP', async () => {
    const { headers } = await get((await start()).address, '/healthz');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
    const policy = headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("connect-src 'self' ws: wss:");
    expect(policy).not.toContain('upgrade-insecure-requests');
    expect(headers.get('strict-transport-security')).toBeNull();
  });

  it('does not log requests that went well', async () => {
    const { address } = await start();
    log.length = 0;
    await get(address, '/healthz');
    expect(log).toEqual([]);
  });
});

describe('a request under a foreign name', () => {
  const call = async ({ port }: HttpAddress, method: string, path: string, host: string) => {
    const outgoing = request({ port, host: '127.0.0.1', method, path, headers: { host } });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: response.statusCode, body: await textOf(response) };
  };

  it('is refused whatever it asks for, with what to do', async () => {
    const changed = vi.fn<() => object>(() => ({}));
    const { address } = await start({}, ({ app }) => {
      app.put('/channel', changed);
    });
    for (const [method, path] of [
      ['PUT', '/channel'],
      ['GET', '/metrics'],
      ['GET', '/nothing'],
    ] as const) {
      const answer = await call(address, method, path, `elsewhere.example:${address.port}`);
      expect(answer.status).toBe(421);
      expect(JSON.parse(answer.body)).toEqual({
        error: {
          code: 'E_FOREIGN_HOST',
          message: `this service isn't known as "elsewhere.example:${address.port}"`,
          remedy: 'call it by its IP address or as localhost, or add the name to allowedHosts in its configuration',
        },
      });
    }
    expect(changed).not.toHaveBeenCalled();
  });

  it('is answered once the name is allowed', async () => {
    const { address } = await start({ allowedHosts: ['receiver'] });
    expect((await call(address, 'GET', '/healthz', 'receiver:7402')).status).toBe(200);
    expect((await call(address, 'GET', '/healthz', 'localhost')).status).toBe(200);
  });
});

describe('an address that asks for too much', () => {
  it('gets 429 for requests beyond its rate, and more later', async () => {
    const { address } = await start({ maxRequestsPerSecond: 2 });
    const asked = await Promise.all(Array.from({ length: 4 }, () => get(address, '/healthz')));
    expect(asked.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await get(address, '/healthz')).toMatchObject({
      status: 429,
      body: { error: { code: 'E_TOO_MANY_REQUESTS' } },
    });
    await vi.waitFor(async () => expect((await get(address, '/healthz')).status).toBe(200), {
      timeout: 10_000,
      interval: 200,
    });
  });

  it('has new connections cut beyond its rate, before their first byte', async () => {
    const { address } = await start({ maxRequestsPerSecond: 1 });
    const sockets = Array.from({ length: 3 }, () => connect(address.port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => {});
    }
    await once(sockets[2]!, 'close');
    expect(sockets.map(({ closed }) => closed)).toEqual([false, false, true]);
    sockets.forEach((socket) => socket.destroy());
  });

  it('keeps so many connections that say nothing, the newest; WebSockets are not among them', async () => {
    const { server, address } = await start({ maxConnectionsPerAddress: 2 });
    const { client } = await upgrade(server, address);
    const sockets: Socket[] = [];
    for (let i = 0; i < 4; i++) {
      const socket = connect(address.port, '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      sockets.push(socket);
    }
    await vi.waitFor(() => expect(sockets.map(({ closed }) => closed)).toEqual([true, true, false, false]));
    expect(client.closed).toBe(false);
    expect((await get(address, '/healthz')).status).toBe(200);
    [client, ...sockets].forEach((socket) => socket.destroy());
  });

  it('has no token looked at after ten wrong ones, not even the right one', async () => {
    const { address } = await start({}, ({ app }) => {
      app.put('/x', { onRequest: checkControlToken('right', 'changing x') }, () => ({}));
    });
    const put = async (token: string) => {
      const headers = { authorization: `bearer ${token}`, 'content-type': 'application/json' };
      return (await get(address, '/x', { method: 'PUT', body: '{}', headers })).status;
    };
    expect(await put('right')).toBe(200);
    for (let i = 0; i < 10; i++) {
      expect(await put(`wrong-${i}`)).toBe(401);
    }
    expect([await put('wrong'), await put('right')]).toEqual([429, 429]);
  });
});

describe('an error over HTTP', () => {
  it('names what there is when nothing is there, and the methods when the method is wrong', async () => {
    const { address } = await start({}, ({ app }) => {
      app.get('/channel', () => ({}));
      app.put('/channel', () => ({}));
    });
    expect(await get(address, '/chanel?x=1')).toMatchObject({
      status: 404,
      body: {
        error: {
          code: 'E_NOT_FOUND',
          message: 'there is nothing at /chanel',
          remedy: 'there are: GET /openapi.json; GET /metrics; GET /healthz; GET /readyz; GET, PUT /channel',
        },
      },
    });
    const wrongMethod = await get(address, '/channel', { method: 'DELETE' });
    expect(wrongMethod).toMatchObject({
      status: 405,
      body: { error: { code: 'E_METHOD_NOT_ALLOWED', message: '/channel takes no DELETE', remedy: 'use GET, PUT' } },
    });
    expect(wrongMethod.headers.get('allow')).toBe('GET, PUT');
  });

  it("is the route's own where it is meant to be read", async () => {
    class UpdateError extends SemcastError {
      readonly statusCode = 400;
    }
    const { address } = await start({}, ({ app }) => {
      app.get('/refused', () => {
        throw new HttpError(403, 'E_TOKEN', 'wrong token', 'send the right one');
      });
      app.get('/own', () => {
        throw new UpdateError('E_UPDATE', 'no such model');
      });
    });
    expect(await get(address, '/refused')).toMatchObject({
      status: 403,
      body: { error: { code: 'E_TOKEN', message: 'wrong token', remedy: 'send the right one' } },
    });
    expect(await get(address, '/own')).toMatchObject({
      status: 400,
      body: { error: { code: 'E_UPDATE', message: 'no such model', remedy: 'look into the log of the service' } },
    });
    expect(log.join('')).not.toContain('wrong token');
  });

  it('hides what was not meant to be read, logs it, and tells where to look', async () => {
    const { address } = await start({}, ({ app }) => {
      app.get('/broken', () => {
        throw new Error('password is hunter2');
      });
    });
    const { status, text, body } = await get(address, '/broken');
    expect(status).toBe(500);
    expect(text).not.toContain('hunter2');
    const { error } = body as { error: { code: string; message: string; remedy: string } };
    expect(error).toEqual({
      code: 'E_INTERNAL',
      message: 'something went wrong inside the service',
      remedy: expect.stringMatching(/^look for req-\w+ in the log of the service$/),
    });
    const line = log.find((entry) => entry.includes('hunter2'))!;
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      reqId: error.remedy.split(' ')[2],
      method: 'GET',
      url: '/broken',
      msg: 'request failed',
    });
  });

  it('explains bodies that cannot be read', async () => {
    const { address } = await start({}, ({ app }) => {
      app.put('/channel', (incoming) => ({ got: incoming.body }));
    });
    expect(await send(address, '/channel', '{"snr": 5}')).toMatchObject({ status: 200, body: { got: { snr: 5 } } });
    for (const body of ['{"snr": ', '']) {
      expect(await send(address, '/channel', body)).toMatchObject({
        status: 400,
        body: { error: { code: 'E_BAD_JSON', message: 'the body is no valid JSON', remedy: 'send one JSON value' } },
      });
    }
    expect(await send(address, '/channel', '<x/>', 'application/xml')).toMatchObject({
      status: 415,
      body: { error: { code: 'E_MEDIA_TYPE', remedy: 'send JSON, with the header content-type: application/json' } },
    });
    expect(await send(address, '/channel', '{"__proto__": {"a": 1}}')).toMatchObject({
      status: 400,
      body: { error: { code: 'E_BAD_JSON' } },
    });
  });

  it('takes a body at the limit and none beyond, by server and by route', async () => {
    const { address } = await start({}, ({ app }) => {
      app.put('/usual', () => ({}));
      app.put('/large', { bodyLimit: 200 }, () => ({}));
    });
    expect((await send(address, '/usual', bodyOf(65_536))).status).toBe(200);
    expect(await send(address, '/usual', bodyOf(65_537))).toMatchObject(tooLarge(65_536));
    expect((await send(address, '/large', bodyOf(200))).status).toBe(200);
    expect(await send(address, '/large', bodyOf(201))).toMatchObject(tooLarge(200));
  });

  it('answers an address that cannot be decoded', async () => {
    const { address } = await start();
    expect(await get(address, '/%zz')).toMatchObject({
      status: 400,
      body: { error: { code: 'E_BAD_REQUEST', remedy: 'correct the address of the request' } },
    });
  });

  it('stays up after bytes that are no HTTP', async () => {
    const { address } = await start();
    const socket = connect(address.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.end('\0\u0001 no http at all\r\n\r\n');
    await once(socket, 'close');
    expect((await get(address, '/healthz')).status).toBe(200);
  });
});

describe('listening', () => {
  it('names a busy port and the remedy', async () => {
    const { address } = await start();
    await expect(start({ port: address.port })).rejects.toMatchObject({
      name: 'ListenError',
      code: 'E_PORT_BUSY',
      message: `port ${address.port} on 127.0.0.1 is taken: channel can't listen there`,
      remedy: expect.stringContaining('choose another port with --port or SEMCAST_CHANNEL_PORT; 0 takes any free one'),
    });
    expect((await get(address, '/healthz')).status).toBe(200);
  });

  it('names a host that is not of this machine', async () => {
    await expect(start({ host: '203.0.113.7' })).rejects.toMatchObject({
      code: 'E_HOST_UNAVAILABLE',
      message: '"203.0.113.7" is no address of this machine',
    });
  });
});

describe('upgrades and closing', () => {
  it('hands upgrade requests to who listens for them', async () => {
    const { server, address } = await start({ closeGraceMs: 100 });
    const { client, served } = await upgrade(server, address);
    served.write('hello');
    const [data] = (await once(client, 'data')) as [Buffer];
    expect(data.toString()).toBe('hello');
  });

  it('cuts what is still open after the grace, and closes once', async () => {
    const { server, address } = await start({ closeGraceMs: 100 });
    const { client } = await upgrade(server, address);
    const closed = once(client, 'close');
    const started = performance.now();
    await Promise.all([server.close(), server.close(), closed]);
    expect(performance.now() - started).toBeGreaterThan(90);
    await expect(fetch(`${address.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('does not wait for idle connections', async () => {
    const { server, address } = await start({ closeGraceMs: 60_000 });
    await get(address, '/healthz');
    const started = performance.now();
    await server.close();
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('lets a running request end', async () => {
    const signals = new EventEmitter();
    const { server, address } = await start({}, ({ app }) => {
      app.get('/slow', async () => {
        const finish = once(signals, 'finish');
        signals.emit('begun');
        await finish;
        return { done: true };
      });
    });
    const begun = once(signals, 'begun');
    const answer = get(address, '/slow');
    await begun;
    const closing = server.close();
    signals.emit('finish');
    expect(await answer).toMatchObject({ status: 200, body: { done: true } });
    await closing;
  });
});
