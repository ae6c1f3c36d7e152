import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpError } from './errors.js';
import { routeUpgrades, type Upgrade, type UpgradeRoutes } from './upgrades.js';

let server: Server;
let upgrades: UpgradeRoutes;
let port: number;

beforeEach(async () => {
  server = createServer(({ url }, response) => response.end(url === '/large' ? Buffer.alloc(2 ** 25) : 'plain'));
  upgrades = routeUpgrades(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const requestFor = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${more}\r\n`;

function dial(text: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(text);
  return socket;
}

/** All that comes until the server closes. */
async function answerTo(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return text;
}

const connections = (): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error === null) {
        resolve(count);
      } else {
        reject(error);
      }
    });
  });

describe('upgrade requests', () => {
  it('go to the route of their path, whatever the query', async () => {
    const taken: [string, string | undefined][] = [];
    for (const path of ['/', '/live']) {
      upgrades.serve(path, ({ request, refuse }) => {
        taken.push([path, request.url]);
        refuse(503, new HttpError(503, 'E_TRY_AGAIN', 'full', 'wait'));
      });
    }
    const answers = await Promise.all(['/?a=1', '/live'].map((path) => answerTo(dial(requestFor(path)))));
    expect(taken).toEqual([
      ['/', '/?a=1'],
      ['/live', '/live'],
    ]);
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n/);
      expect(answer).toMatch(/\r\n\r\n\{"error":\{"code":"E_TRY_AGAIN","message":"full","remedy":"wait"\}\}$/);
    }
  });

  it('of no route are told what there is', async () => {
    for (const path of ['/', '/live']) {
      upgrades.serve(path, () => {});
    }
    const answer = await answerTo(dial(requestFor('/nothing')));
    expect(answer).toMatch(/^HTTP\/1.1 404 Not Found\r\n/);
    expect(answer).toContain('"message":"there is no WebSocket at /nothing","remedy":"there are: /, /live"');
  });

  it('are plain HTTP where there is no route at all', async () => {
    const socket = dial(requestFor('/', 'Connection: close\r\n'));
    expect(await answerTo(socket)).toMatch(/^HTTP\/1.1 200 OK[^]*plain/);
  });
});

describe('the page that asks for a WebSocket', () => {
  const ask = async (host: string, origin?: string): Promise<string> => {
    const socket = dial(
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `${origin === undefined ? '' : `Origin: ${origin}\r\n`}\r\n`,
    );
    const answer = await answerTo(socket);
    return /"code":"(\w+)"/.exec(answer)?.[1] ?? answer;
  };

  beforeEach(() => {
    upgrades.serve('/', ({ socket }) => socket.end('taken'));
  });

  it.each([
    ['of another host', 'localhost:7401', 'https://elsewhere.example'],
    ['of another port', 'localhost:7401', 'http://localhost:8000'],
    ['of no host', 'localhost:7401', 'null'],
    ['that is none', 'localhost:7401', 'no address'],
  ])('is refused when it is one %s', async (_name, host, origin) => {
    expect(await ask(host, origin)).toBe('E_FOREIGN_ORIGIN');
  });

  it('is refused when its name was made to lead here', async () => {
    expect(await ask('elsewhere.example:7401', 'http://elsewhere.example:7401')).toBe('E_FOREIGN_HOST');
  });

  it("may when it is the server's own, and so may programs", async () => {
    expect(await ask('localhost:7401', 'http://localhost:7401')).toBe('taken');
    expect(await ask('127.0.0.1:7401', 'http://127.0.0.1:7401')).toBe('taken');
    expect(await ask('receiver:7401')).toBe('taken');
  });
});

describe('a refused connection', () => {
  beforeEach(() => {
    upgrades.serve('/full', ({ refuse }) => {
      refuse(503, new HttpError(503, 'E_TRY_AGAIN', 'full', 'wait'));
    });
  });

  it.each(['/nothing', '/full'])('that is reset harms nobody (%s)', async (path) => {
    const resets = Array.from({ length: 20 }, async (_, i) => {
      const socket = dial(requestFor(path));
      await once(socket, 'connect');
      // Some before their request has been read, some after the answer has come.
      if (i % 2 === 0) {
        await once(socket, 'data');
      }
      socket.resetAndDestroy();
    });
    await Promise.all(resets);
    expect(await answerTo(dial(requestFor(path)))).toMatch(/^HTTP/);
    await expect.poll(connections).toBe(0);
  });

  it.each(['/nothing', '/full'])('is answered and closed though its peer has finished already (%s)', async (path) => {
    const socket = dial('');
    socket.end(requestFor(path));
    expect(await answerTo(socket)).toMatch(/^HTTP/);
    await expect.poll(connections).toBe(0);
  });

  it.each([
    ['', ''],
    [' what it asked for before', 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ])('is closed though its peer never does, nor reads%s', async (_name, before) => {
    const accepted = once(server, 'connection');
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    socket.pause();
    socket.write(before + requestFor('/nothing'));
    await accepted;
    await expect.poll(connections).toBe(0);
    socket.destroy();
  });
});

describe('a connection that a route has taken', () => {
  it('may break before anybody else listens for its errors', async () => {
    const taken = new Promise<Upgrade>((resolve) => {
      upgrades.serve('/', resolve);
    });
    const socket = dial(requestFor('/'));
    const { socket: served } = await taken;
    served.resume();
    const closed = new Promise<void>((resolve) => {
      served.once('close', resolve);
    });
    socket.resetAndDestroy();
    await closed;
    await expect.poll(connections).toBe(0);
  });
});
