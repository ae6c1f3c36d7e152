/** Who gets in, who doesn't, and what they are told: on real sockets. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, connect, type AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { frameHead, heads, helloInput, welcome } from '../test/fixtures.js';
import { afterwards, link, listen, rawClient, sleep, startServer, until, type RawClient } from '../test/harness.js';
import { LinkError, PeerError, UpgradeRefused } from './errors.js';
import { encodeFrame } from './frame.js';
import { PROTOCOL_VERSION } from './limits.js';
import type { LinkState } from './link-types.js';
import { openLink, type OpenLinkOptions } from './open-link.js';

const framePayload = new Uint8Array(16);

/** What a client is told before it is thrown out. */
async function farewell(client: RawClient) {
  const { code, reason } = await client.closed;
  const last = client.messages.at(-1);
  if (last?.kind !== 'error') {
    return { kind: last?.kind ?? 'nothing', code: reason, message: '', remedy: '', close: code };
  }
  expect(reason.startsWith(`${last.head.code}: `)).toBe(true);
  return { kind: 'error', ...last.head, close: code };
}

function hello(change: object = {}): Uint8Array {
  return encodeFrame('hello', { ...heads.hello, ...change });
}

const quiet = { onMessage: () => {}, onClose: () => {} } satisfies Partial<OpenLinkOptions>;

describe('the handshake', () => {
  it('ends in a welcome, and a session whose hello has no token', async () => {
    const server = await startServer({ token: 'secret' });
    const client = link(server.url, { hello: { ...helloInput, token: 'secret' } });
    await expect(client.ready).resolves.toEqual(heads.welcome);
    expect(client.state).toEqual({ name: 'open' });
    expect(client.window).toBe(4);
    const [session] = server.sessions;
    expect(session!.hello).toEqual({
      ...helloInput,
      protocol: PROTOCOL_VERSION,
      run: client.hello.run,
      attempt: expect.any(Number) as number,
    });
    expect(session!.remoteAddress).toBe('127.0.0.1');
    expect(server.links.sessions.get('cam-1')).toBe(session);
    await client.close();
    await until(() => server.links.sessions.size === 0);
    expect(session!.isOpen).toBe(false);
    expect(session!.signal.aborted).toBe(true);
    expect(server.refusals).toEqual([]);
  });

  it('waits for a welcome that takes its time, and tells the service when the client is gone meanwhile', async () => {
    let gone = false;
    let answer: (() => void) | undefined;
    const server = await startServer({
      welcome: async (_hello, session) => {
        session.signal.addEventListener('abort', () => {
          gone = true;
        });
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return welcome;
      },
    });
    const first = link(server.url);
    await until(() => answer !== undefined);
    expect(server.links.greeting).toBe(1);
    await first.close();
    await until(() => gone);
    answer!();
    await sleep(20);
    expect(server.sessions).toEqual([]);
    answer = undefined;
    const second = link(server.url);
    await until(() => answer !== undefined);
    answer!();
    await second.ready;
    expect(server.sessions.length).toBe(1);
  });

  it('takes messages in one-byte pieces', async () => {
    const { startTcpProxy } = await import('../test/tcp-proxy.js');
    const server = await startServer();
    const proxy = await startTcpProxy(server.port, { chunkBytes: 1 });
    afterwards(() => proxy.close());
    const frames: unknown[] = [];
    const client = link(`ws://127.0.0.1:${proxy.port}`, { masking: 'random' });
    await client.ready;
    server.sessions[0]!.on('frame', (message) => frames.push(message));
    const payload = new Uint8Array(16).map((_, i) => 7 * i);
    await client.send({ head: frameHead, payload });
    await until(() => frames.length === 1);
    expect(frames[0]).toEqual({ kind: 'frame', head: frameHead, payload: Buffer.from(payload) });
  });
});

describe('a client is refused, with a message', () => {
  it.each([
    ['without a token', undefined, 'carries no token'],
    ['with a wrong token', 'guess', 'is wrong'],
    ['with an empty token', '', 'is wrong'],
    ['with a longer token', 'secret2', 'is wrong'],
  ])('%s', async (_name, token, message) => {
    const server = await startServer({ token: 'secret' });
    const states: LinkState[] = [];
    const client = link(server.url, { hello: { ...helloInput, ...(token === undefined ? {} : { token }) } });
    client.on('state', (state) => states.push(state));
    const error = await client.closed;
    expect(error).toBeInstanceOf(PeerError);
    expect(error).toMatchObject({ code: 'E_TOKEN', closeCode: 4401, remedy: 'give both ends the same token' });
    expect(error!.message).toContain(message);
    await expect(client.ready).rejects.toBe(error);
    await expect(client.send({ head: frameHead, payload: framePayload })).rejects.toBe(error);
    // Final: nothing was tried again.
    expect(states.map(({ name }) => name)).toEqual(['connecting', 'closed']);
    expect(server.sessions).toEqual([]);
    await until(() => server.refusals.length > 0);
    expect(server.refusals).toMatchObject([{ error: { code: 'E_TOKEN' }, stream: 'cam-1' }]);
  });

  it('that has sent ten wrong tokens is not looked at for a while, whatever token comes from its address', async () => {
    const server = await startServer({ token: 'secret' });
    const codeFor = async (token: string): Promise<string | undefined> => {
      const client = await rawClient(server.url);
      client.ws.send(hello({ token }));
      return (await farewell(client)).code;
    };
    for (let i = 0; i < 10; i++) {
      expect(await codeFor(`guess-${i}`)).toBe('E_TOKEN');
    }
    expect([await codeFor('guess'), await codeFor('secret')]).toEqual(['E_TRY_AGAIN', 'E_TRY_AGAIN']);
  });

  it('that speaks another version, in the prefix or in the hello', async () => {
    const server = await startServer();
    const inPrefix = hello();
    inPrefix[2] = PROTOCOL_VERSION - 1;
    const client = await rawClient(server.url);
    client.ws.send(inPrefix);
    expect(await farewell(client)).toMatchObject({
      code: 'E_FRAME_VERSION',
      message: 'the peer speaks version 3 of the protocol, this end version 4',
      remedy: 'run the same release of semcast on both ends',
      close: 4406,
    });
    const { Packr } = await import('msgpackr');
    const { crc32 } = await import('./crc.js');
    const head = new Packr({ useRecords: false }).pack({ ...heads.hello, protocol: PROTOCOL_VERSION - 1 });
    const padded = Buffer.concat([Buffer.alloc(-head.length & 7, 0xc1), head]);
    const bytes = Buffer.concat([Buffer.from([0x53, 0x43, PROTOCOL_VERSION, 1]), Buffer.alloc(12), padded]);
    bytes.writeUInt32LE(padded.length, 4);
    bytes.writeUInt32LE(crc32(padded, crc32(bytes.subarray(0, 12))), 12);
    const other = await rawClient(server.url);
    other.ws.send(bytes);
    expect(await farewell(other)).toMatchObject({ code: 'E_FRAME_VERSION', close: 4406 });
  });

  it('that says nothing', async () => {
    const server = await startServer({ helloTimeoutMs: 30 });
    const client = await rawClient(server.url);
    expect(await farewell(client)).toMatchObject({ code: 'E_HELLO_TIMEOUT', close: 4408 });
    await until(() => server.refusals.length > 0);
    expect(server.refusals[0]!.error.message).toBe('no hello arrived within 30 ms');
  });

  it('that speaks text', async () => {
    const server = await startServer();
    const client = await rawClient(server.url);
    client.ws.send('{"hello": "there"}');
    expect(await farewell(client)).toMatchObject({ code: 'E_FRAME_TEXT', close: 4400 });
    const greeted = await rawClient(server.url);
    greeted.ws.send(hello());
    await greeted.next();
    greeted.ws.send('text');
    expect(await farewell(greeted)).toMatchObject({ code: 'E_FRAME_TEXT', close: 4400 });
  });

  it.each([
    ['a frame before its hello', [encodeFrame('frame', frameHead, framePayload)]],
    ['a bye before its hello', [encodeFrame('bye', heads.bye)]],
    ['a frame right behind its hello', [hello(), encodeFrame('frame', frameHead, framePayload)]],
    ['two hellos at once', [hello(), hello()]],
    ['a result', ['welcome', encodeFrame('result', { ...heads.result }, framePayload)]],
    ['a second hello', ['welcome', hello()]],
    ['a frame of another stream', ['welcome', encodeFrame('frame', { ...frameHead, stream: 'cam-2' }, framePayload)]],
    ['an ack of another stream', ['welcome', encodeFrame('ack', { stream: 'cam-2', frame: 1 })]],
  ])('that sends %s', async (_name, messages) => {
    const server = await startServer({ welcome: async () => sleep(10).then(() => welcome) });
    const client = await rawClient(server.url);
    for (const message of messages) {
      if (typeof message === 'string') {
        client.ws.send(hello());
        await client.next();
      } else {
        client.ws.send(message);
      }
    }
    expect(await farewell(client)).toMatchObject({ code: 'E_FRAME_UNEXPECTED', close: 4400 });
  });

  it('that sends random bytes, and the server stays up', async () => {
    const server = await startServer();
    const survivor = link(server.url, { hello: { ...helloInput, stream: 'survivor' } });
    await survivor.ready;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.tuple(fc.nat(15), fc.nat(255)).map(([at, value]) => {
            const bytes = hello();
            bytes[at] = bytes[at] === value ? value ^ 1 : value;
            return bytes;
          }),
        ),
        async (bytes) => {
          const client = await rawClient(server.url);
          client.ws.send(bytes);
          const told = await farewell(client);
          expect(told.kind).toBe('error');
          expect(told.code).toMatch(/^E_FRAME_/);
          expect(told.remedy).not.toBe('');
          expect([4400, 4406]).toContain(told.close);
        },
      ),
      { numRuns: 60 },
    );
    expect(survivor.state).toEqual({ name: 'open' });
    expect(server.links.sessions.size).toBe(1);
    await until(() => server.links.greeting === 0);
  });

  it('that sends raw garbage below WebSocket', async () => {
    const server = await startServer();
    for (const garbage of ['\0'.repeat(100), 'GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n']) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(garbage);
      await new Promise((resolve) => {
        socket.on('close', resolve);
        socket.resume();
      });
    }
    // A right handshake, then a WebSocket frame with reserved bits.
    const client = await rawClient(server.url);
    client.connection.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    expect((await client.closed).code).toBe(1002);
    await until(() => server.refusals.length > 0);
    expect(server.refusals[0]!.error).toMatchObject({ code: 'E_FRAME_WEBSOCKET' });
    await link(server.url).ready;
  });
});

/** A frame of n bytes of payload, n a multiple of 8. */
function frameOf(n: number): Uint8Array {
  return encodeFrame('frame', { ...frameHead, samples: { format: 'cf32_le', count: n / 8 } }, new Uint8Array(n));
}

describe('oversize', () => {
  const maxPayloadBytes = 100_000;

  it('is measured exactly: the limit passes, 8 bytes more are refused with a message', async () => {
    const server = await startServer({ maxPayloadBytes });
    const client = await rawClient(server.url);
    client.ws.send(hello());
    await client.next();
    let frames = 0;
    server.sessions[0]!.on('frame', () => {
      frames++;
    });
    client.ws.send(frameOf(maxPayloadBytes));
    await until(() => frames === 1);
    client.ws.send(frameOf(maxPayloadBytes + 8));
    expect(await farewell(client)).toMatchObject({ code: 'E_FRAME_TOO_LARGE', close: 4400 });
  });

  it('far beyond the limit ends in 1009 from ws, a named refusal here, and no harm', async () => {
    const server = await startServer({ maxPayloadBytes });
    const client = await rawClient(server.url);
    client.ws.send(hello());
    await client.next();
    client.ws.send(Buffer.alloc(20 * maxPayloadBytes));
    expect((await client.closed).code).toBe(1009);
    await until(() => server.refusals.length === 1);
    expect(server.refusals[0]!.error).toMatchObject({ code: 'E_FRAME_TOO_LARGE', closeCode: 1009 });
    await link(server.url).ready;
  });

  it('before the hello is judged by what a hello needs, not by what a frame may have', async () => {
    const server = await startServer({ maxPayloadBytes: 50_000_000 });
    const client = await rawClient(server.url);
    client.ws.send(Buffer.alloc(1_000_000));
    expect(await farewell(client)).toMatchObject({ code: 'E_FRAME_TOO_LARGE', close: 4400 });
  });

  it('is refused by the sender already, by the limit in the welcome', async () => {
    const limits = { ...welcome.limits, maxPayloadBytes: 16 };
    const server = await startServer({ welcome: () => ({ ...welcome, limits }) });
    const client = link(server.url);
    await client.ready;
    await client.send({ head: frameHead, payload: framePayload });
    const head = { ...frameHead, frame: 1, samples: { format: 'cf32_le', count: 3 } as const };
    await expect(client.send({ head, payload: new Uint8Array(24) })).rejects.toMatchObject({
      code: 'E_FRAME_TOO_LARGE',
    });
    expect(client.state.name).toBe('open');
  });

  it('is final for a client that meets it', async () => {
    const limits = { ...welcome.limits, maxPayloadBytes: 10_000_000 };
    // The welcome promises more than the server takes.
    const server = await startServer({ maxPayloadBytes: 1000, welcome: () => ({ ...welcome, limits }) });
    const client = link(server.url);
    const head = { ...frameHead, samples: { format: 'cf32_le', count: 100_000 } as const };
    await client.send({ head, payload: new Uint8Array(800_000) });
    expect(await client.closed).toMatchObject({ code: 'E_FRAME_TOO_LARGE', closeCode: 1009 });
  });
});

describe('a full server', () => {
  it('says so, and lets the client in when a place is free', async () => {
    const server = await startServer({ maxSessions: 1 });
    const first = link(server.url, { hello: { ...helloInput, stream: 'first' } });
    await first.ready;
    const second = link(server.url, { hello: { ...helloInput, stream: 'second' } });
    await until(() => second.state.name === 'waiting');
    expect(second.state).toMatchObject({ error: { code: 'E_TOO_MANY_SESSIONS', closeCode: 4429 } });
    await first.close();
    await second.ready;
  });

  it('counts those whose welcome is being prepared', async () => {
    const server = await startServer({ maxSessions: 1, welcome: async () => sleep(30).then(() => welcome) });
    const clients = ['a', 'b', 'c'].map((stream) =>
      link(server.url, { hello: { ...helloInput, stream }, reconnect: false }),
    );
    const outcomes = await Promise.allSettled(clients.map(({ ready }) => ready));
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  });

  it('still takes a new link of a stream that it serves', async () => {
    const server = await startServer({ maxSessions: 1 });
    const input = { ...helloInput, run: 'r1' };
    await link(server.url, { hello: input }).ready;
    await link(server.url, { hello: input }).ready;
    expect(server.sessions.length).toBe(2);
  });

  it('lets one hello at a time take the place of a session', async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const server = await startServer({
      maxSessions: 1,
      welcome: async () => {
        if (server.sessions.length > 0) {
          await gate;
        }
        return welcome;
      },
    });
    const { run } = heads.hello;
    await link(server.url, { hello: { ...helloInput, run } }).ready;
    const successors = [await rawClient(server.url), await rawClient(server.url)];
    successors[0]!.ws.send(hello({ run, attempt: 2 ** 50 }));
    await sleep(50);
    successors[1]!.ws.send(hello({ run, attempt: 2 ** 50 + 1 }));
    expect(await farewell(successors[1]!)).toMatchObject({ code: 'E_TOO_MANY_SESSIONS', close: 4429 });
    open();
    expect(await successors[0]!.next()).toMatchObject({ kind: 'welcome' });
  });
});

describe('connections without a hello', () => {
  it('keep nobody out, however many they are', async () => {
    const server = await startServer({ helloTimeoutMs: 60_000 });
    const idle: RawClient[] = [];
    for (let i = 0; i < 120; i++) {
      idle.push(await rawClient(server.url));
    }
    // As many as one address may have.
    await until(() => server.links.greeting === 96);
    expect(await farewell(idle[0]!)).toMatchObject({ code: 'E_TRY_AGAIN', close: 4503 });
    await link(server.url).ready;
    expect(idle[119]!.ws.readyState).toBe(WebSocket.OPEN);
  });

  it('nor do those that are refused and stay', async () => {
    const server = await startServer({ token: 'right', maxGreetings: 4, closeTimeoutMs: 60_000 });
    const stubborn: RawClient[] = [];
    for (let i = 0; i < 12; i++) {
      const client = await rawClient(server.url);
      client.ws.send(hello({ token: 'wrong' }));
      // It sees no close frame, and answers none.
      client.ws.pause();
      stubborn.push(client);
    }
    await until(() => server.links.greeting === 4);
    const rightful = link(server.url, { hello: { ...helloInput, token: 'right' } });
    await expect(rightful.ready).resolves.toMatchObject(welcome);
    for (const { ws } of stubborn) {
      ws.terminate();
    }
  });

  it.runIf(process.platform === 'linux')('of one address take no place from those of another', async () => {
    const server = await startServer({ maxGreetings: 4, maxGreetingsPerAddress: 3, helloTimeoutMs: 60_000 });
    const other = await rawClient(server.url, { localAddress: '127.0.0.2' });
    for (let i = 0; i < 8; i++) {
      await rawClient(server.url);
    }
    expect(server.links.greeting).toBe(4);
    other.ws.send(hello());
    expect(await other.next()).toMatchObject({ kind: 'welcome' });
  });
});

describe('links that are being closed', () => {
  it('are cut when they are more than there are sessions', async () => {
    const server = await startServer({ maxSessions: 2, closeTimeoutMs: 60_000 });
    const clients: RawClient[] = [];
    for (let i = 0; i < 8; i++) {
      const client = await rawClient(server.url);
      client.ws.send(hello());
      await client.next();
      client.ws.pause();
      clients.push(client);
    }
    await until(() => server.links.greeting === 2);
    expect(server.links.sessions.size).toBe(1);
    for (const { ws } of clients) {
      ws.terminate();
    }
  });
});

describe('the newest link of a run', () => {
  const input = { ...helloInput, run: 'r1' };

  it('wins, and the older is closed with 4410, for good', async () => {
    const server = await startServer();
    const older = link(server.url, { hello: input });
    await older.ready;
    const newer = link(server.url, { hello: input });
    await newer.ready;
    expect(await older.closed).toMatchObject({ code: 'E_LINK_REPLACED', closeCode: 4410 });
    expect(server.links.sessions.get('cam-1')).toBe(server.sessions[1]);
    await sleep(50);
    expect(server.sessions.length).toBe(2);
    expect(newer.state.name).toBe('open');
  });

  it('is that with the later hello, though its welcome came first', async () => {
    const answers: (() => void)[] = [];
    const server = await startServer({
      welcome: async () => {
        await new Promise<void>((resolve) => {
          answers.push(resolve);
        });
        return welcome;
      },
    });
    const older = link(server.url, { hello: input, reconnect: false });
    await until(() => answers.length === 1);
    await sleep(2);
    const newer = link(server.url, { hello: input });
    await until(() => answers.length === 2);
    answers[1]!();
    await newer.ready;
    answers[0]!();
    expect(await older.closed).toMatchObject({ code: 'E_STREAM_TAKEN', closeCode: 4409 });
    expect(newer.state.name).toBe('open');
    expect(server.sessions.length).toBe(1);
  });
});

describe('a link of another run', () => {
  it('can not end the one that is there, by its hello or by a bye; it gets the stream when that has gone', async () => {
    const server = await startServer();
    const owner = link(server.url);
    await owner.ready;
    const other = link(server.url);
    await until(() => other.state.name === 'waiting');
    expect(other.state).toMatchObject({
      error: { code: 'E_STREAM_TAKEN', closeCode: 4409, message: expect.stringContaining('another run') as string },
    });
    const raw = await rawClient(server.url);
    raw.ws.send(hello({ run: 'guess', attempt: Number.MAX_SAFE_INTEGER }));
    raw.ws.send(encodeFrame('bye', { stream: 'cam-1' }));
    expect((await raw.closed).code).toBe(4409);
    expect([owner.state.name, server.sessions.length]).toEqual(['open', 1]);
    await owner.close();
    await other.ready;
  });
});

describe('a hello of the same run', () => {
  it('that arrives late is refused with 4409, and the link that came before it stays', async () => {
    const server = await startServer();
    let end: unknown;
    const input = { ...helloInput, run: 'r1' };
    await openLink(server.url, { ...quiet, hello: { ...input, attempt: 8 }, onClose: (ended) => (end = ended) });
    const late = openLink(server.url, { ...quiet, hello: { ...input, attempt: 7 } });
    await expect(late).rejects.toMatchObject({ code: 'E_STREAM_TAKEN', closeCode: 4409 });
    expect([end, server.sessions.length]).toEqual([undefined, 1]);
    const next = await openLink(server.url, { ...quiet, hello: { ...input, attempt: 9 } });
    await until(() => end !== undefined);
    expect(end).toMatchObject({ code: 4410 });
    expect(server.links.sessions.get('cam-1')).toBe(server.sessions[1]);
    next.close();
  });

  it('is refused too when it overtakes the other in the middle of its welcome', async () => {
    const answers: (() => void)[] = [];
    const server = await startServer({
      welcome: async () => {
        await new Promise<void>((resolve) => {
          answers.push(resolve);
        });
        return welcome;
      },
    });
    const input = { ...helloInput, run: 'r1' };
    const newer = openLink(server.url, { ...quiet, hello: { ...input, attempt: 8 } });
    await until(() => answers.length === 1);
    const late = openLink(server.url, { ...quiet, hello: { ...input, attempt: 7 } });
    await until(() => answers.length === 2);
    answers[0]!();
    await newer;
    answers[1]!();
    await expect(late).rejects.toMatchObject({ code: 'E_STREAM_TAKEN' });
  });

  it('says a later attempt each time, also after a restart with the same run', async () => {
    const server = await startServer();
    const input = { ...helloInput, run: 'r1' };
    const client = link(server.url, { hello: input, reconnect: { initialMs: 1, maxMs: 1 } });
    for (let links = 1; links <= 3; links++) {
      await until(() => client.state.name === 'open' && server.sessions.length === links);
      server.sessions.at(-1)!.close(4503);
    }
    await client.close();
    await sleep(5);
    await link(server.url, { hello: input }).ready;
    const attempts = server.sessions.map((session) => session.hello.attempt);
    expect(attempts).toEqual([...new Set(attempts)].toSorted((a, b) => a - b));
  });
});

describe('a service that refuses or fails while it greets', () => {
  it('may say "try again", and the client does', async () => {
    let attempts = 0;
    const server = await startServer({
      welcome: () => {
        if (++attempts < 3) {
          throw new LinkError('E_TRY_AGAIN', 'the receiver is away');
        }
        return welcome;
      },
    });
    const states: LinkState[] = [];
    const client = link(server.url);
    client.on('state', (state) => states.push(state));
    await client.ready;
    expect(states.map(({ name }) => name)).toEqual([
      'connecting',
      'waiting',
      'connecting',
      'waiting',
      'connecting',
      'open',
    ]);
    expect(states[1]).toMatchObject({
      error: { code: 'E_TRY_AGAIN', message: 'the receiver is away', closeCode: 4503 },
    });
  });

  it('does not show the client what broke inside', async () => {
    const server = await startServer({
      welcome: async () => Promise.reject(new Error('password of the database')),
    });
    const client = await rawClient(server.url);
    client.ws.send(hello());
    expect(await farewell(client)).toMatchObject({ code: 'E_SERVICE_FAILED', close: 1011 });
    expect(JSON.stringify(client.messages)).not.toContain('password');
    expect(server.failures).toMatchObject([{ message: 'password of the database' }]);
  });

  it('ends the session whose listener throws, and no other', async () => {
    const server = await startServer({
      onSession: (session) => {
        session.on('frame', () => {
          throw new Error('listener');
        });
      },
    });
    const other = link(server.url, { hello: { ...helloInput, stream: 'other' } });
    await other.ready;
    const client = link(server.url, { reconnect: false });
    await client.send({ head: frameHead, payload: framePayload });
    expect(await client.closed).toMatchObject({ code: 'E_SERVICE_FAILED', closeCode: 1011 });
    expect(server.failures).toMatchObject([{ message: 'listener' }]);
    expect(other.state.name).toBe('open');
  });

  it('with a welcome that is none of the protocol, fails instead of sending it', async () => {
    const server = await startServer({ welcome: () => ({ ...welcome, credits: 0 }) });
    const client = link(server.url, { reconnect: false });
    expect(await client.closed).toMatchObject({ code: 'E_SERVICE_FAILED' });
    expect(server.failures[0]).toMatchObject({ name: 'FrameError', code: 'E_FRAME_HEAD' });
  });
});

describe('an address', () => {
  it.each(['http://localhost', 'localhost:7401', 'ws://', 'ws://host/#part', ''])('"%s" is refused at once', (url) => {
    expect(() => link(url)).toThrow(expect.objectContaining({ name: 'LinkError', code: 'E_LINK_URL' }));
  });

  it('at which nobody listens is tried again until somebody does', async () => {
    const placeholder = createTcpServer();
    await new Promise<void>((resolve) => {
      placeholder.listen(0, '127.0.0.1', resolve);
    });
    const { port } = placeholder.address() as AddressInfo;
    await new Promise((resolve) => {
      placeholder.close(resolve);
    });
    const client = link(`ws://127.0.0.1:${port}`);
    await until(() => client.state.name === 'waiting');
    expect(client.state).toMatchObject({
      error: { code: 'E_LINK_UNREACHABLE', message: expect.stringContaining('ECONNREFUSED') as string },
    });
    await startServer({ port });
    await client.ready;
  });

  it('at which nobody listens ends a link that is not to connect again, and what waits for it', async () => {
    const client = link('ws://127.0.0.1:1', { reconnect: false });
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    const waiting = client.send({ head: frameHead, payload: framePayload });
    const idle = client.idle();
    const error = await client.closed;
    expect(error).toMatchObject({ name: 'LinkError', code: 'E_LINK_UNREACHABLE' });
    expect(errors).toEqual([error]);
    await expect(waiting).rejects.toBe(error);
    await expect(idle).rejects.toBe(error);
  });

  it('is not for pages of other hosts', async () => {
    const server = await startServer();
    const origin = 'https://elsewhere.example';
    await expect(rawClient(server.url, { origin })).rejects.toThrow('403');
    expect(server.links.greeting).toBe(0);
  });

  it('with a wrong path is refused by the HTTP status, for good', async () => {
    const server = await startServer();
    const client = link(`${server.url}/elsewhere`);
    const error = await client.closed;
    expect(error).toBeInstanceOf(UpgradeRefused);
    expect(error).toMatchObject({ status: 404, code: 'E_LINK_UPGRADE' });
    expect(error!.remedy).toContain('check the address');
  });

  it('of a plain HTTP server is refused too, but one that is starting is tried again', async () => {
    const http = createServer((_request, response) => {
      response.statusCode = 503;
      response.end();
    });
    const port = await listen(http);
    afterwards(() => http.close());
    const client = link(`ws://127.0.0.1:${port}`);
    await until(() => client.state.name === 'waiting');
    expect(client.state).toMatchObject({ error: { status: 503 } });
    http.removeAllListeners('request').on('request', (_request, response) => {
      response.statusCode = 404;
      response.end();
    });
    expect(await client.closed).toMatchObject({ status: 404 });
  });

  it('that speaks another version is given up, with a message that says what to do', async () => {
    const old = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    afterwards(() => old.close());
    await once(old, 'listening');
    const head = { code: 'E_FRAME_VERSION', message: 'this end speaks version 2', remedy: 'run the same release' };
    const refusal = Buffer.from(encodeFrame('error', head));
    refusal[2] = PROTOCOL_VERSION - 1;
    old.on('connection', (ws) => {
      ws.on('message', () => {
        ws.send(refusal);
        ws.close(4406, 'E_FRAME_VERSION');
      });
    });
    expect(await link(`ws://127.0.0.1:${(old.address() as AddressInfo).port}`).closed).toMatchObject({
      code: 'E_FRAME_VERSION',
      message: 'the peer speaks version 3 of the protocol, this end version 4',
      remedy: 'run the same release of semcast on both ends',
    });
  });

  it('at which other WebSocket servers live is shared with them', async () => {
    const server = await startServer({ path: '/wire' });
    const neighbour = new WebSocketServer({ noServer: true });
    server.upgrades.serve('/live', ({ request, socket, head }) => {
      neighbour.handleUpgrade(request, socket, head, (ws) => ws.on('error', () => {}));
    });
    await rawClient(`${server.url}/live`);
    await expect(link(`${server.url}/wire?from=test`).ready).resolves.toMatchObject(welcome);
    neighbour.close();
  });

  it('that accepts and then says nothing is given up in time', async () => {
    const silent = createTcpServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    afterwards(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const error = openLink(`ws://127.0.0.1:${port}`, { hello: helloInput, handshakeTimeoutMs: 40, ...quiet });
    await expect(error).rejects.toMatchObject({ name: 'LinkError', code: 'E_LINK_TIMEOUT' });
    const server = await startServer({ welcome: async () => sleep(300).then(() => welcome) });
    const late = openLink(server.url, { hello: helloInput, handshakeTimeoutMs: 40, ...quiet });
    await expect(late).rejects.toThrow('sent no welcome within 40 ms');
  });

  it('that greets in time is not given up later', async () => {
    const server = await startServer();
    const client = link(server.url, { handshakeTimeoutMs: 100 });
    await client.ready;
    await sleep(150);
    expect([client.state.name, server.sessions.length]).toEqual(['open', 1]);
  });

  it('that is no WebSocket server at all is unreachable', async () => {
    const other = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve);
    });
    afterwards(() => other.close());
    const url = `ws://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await expect(openLink(url, { hello: helloInput, ...quiet })).rejects.toMatchObject({
      name: 'LinkError',
      code: 'E_LINK_UNREACHABLE',
    });
  });
});

describe('a hello', () => {
  it('that is not valid is refused before anything is sent', () => {
    expect(() => link('ws://127.0.0.1:1', { hello: { ...helloInput, stream: 'a b' } })).toThrow(
      expect.objectContaining({ name: 'FrameError', code: 'E_FRAME_HEAD' }),
    );
  });

  it('names a run of its own for every link, or the one it is given', async () => {
    const [a, b] = [link('ws://127.0.0.1:1'), link('ws://127.0.0.1:1')];
    expect(a.hello.run).not.toBe(b.hello.run);
    expect(link('ws://127.0.0.1:1', { hello: { ...helloInput, run: 'r7' } }).hello.run).toBe('r7');
  });
});

describe('aborting', () => {
  it('ends an attempt, a wait and a link', async () => {
    const server = await startServer();
    const aborted = link(server.url, { signal: AbortSignal.abort() });
    expect(await aborted.closed).toBeUndefined();
    const attempt = new AbortController();
    const opening = openLink('ws://127.0.0.1:1', { hello: helloInput, signal: attempt.signal, ...quiet });
    attempt.abort(new Error('enough'));
    await expect(opening).rejects.toMatchObject({ code: 'E_LINK_CLOSED', cause: { message: 'enough' } });
    const waiting = new AbortController();
    const client = link('ws://127.0.0.1:1', { signal: waiting.signal, reconnect: { initialMs: 60_000 } });
    await until(() => client.state.name === 'waiting');
    waiting.abort();
    expect(await client.closed).toBeUndefined();
    const running = new AbortController();
    const live = link(server.url, { signal: running.signal });
    await live.ready;
    let ended = false;
    server.sessions[0]!.on('bye', () => {
      ended = true;
    });
    running.abort();
    expect(await live.closed).toBeUndefined();
    await until(() => ended);
    const raw = new AbortController();
    let end: unknown;
    await openLink(server.url, {
      hello: helloInput,
      signal: raw.signal,
      onMessage: () => {},
      onClose: (e) => (end = e),
    });
    raw.abort();
    await until(() => end !== undefined);
    expect(end).toEqual({ code: 1000, reason: '', error: undefined });
  });
});
