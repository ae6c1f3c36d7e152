import { once } from 'node:events';
import { decodeFrame, encodeFrame, PROTOCOL_VERSION, type WireMessage } from '@semcast/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ChannelService, ChannelServiceConfigInput } from '../src/index.js';
import {
  connect,
  eventually,
  hello,
  makeFrame,
  open,
  request,
  startChannel,
  startStubReceiver,
  type StubReceiver,
} from './helpers.js';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

async function startReceiver(options: Parameters<typeof startStubReceiver>[0] = {}): Promise<StubReceiver> {
  const receiver = await startStubReceiver(options);
  closers.push(() => receiver.close());
  return receiver;
}

async function start(input: ChannelServiceConfigInput): Promise<ChannelService> {
  const channel = await startChannel(input);
  closers.push(() => channel.close());
  return channel;
}

/** Say something raw, and hear what comes back until the end. */
async function say(url: string, ...messages: (Uint8Array | string)[]): Promise<{ code: number; heard: WireMessage[] }> {
  const ws = new WebSocket(url);
  const heard: WireMessage[] = [];
  ws.on('message', (data: Buffer) => heard.push(decodeFrame(data)));
  await once(ws, 'open');
  for (const message of messages) {
    ws.send(message);
  }
  const [code] = (await once(ws, 'close')) as [number];
  return { code, heard };
}

const greeting = (changes: Record<string, unknown> = {}): Uint8Array =>
  encodeFrame('hello', { ...hello(), protocol: PROTOCOL_VERSION, run: 'r', attempt: 1, ...changes });

describe('clients that do not belong', () => {
  it('get a clear error, and the next good client gets through', async () => {
    const receiver = await startReceiver();
    const { wsUrl } = await start({
      receiverUrl: receiver.url,
      token: 'right',
      maxPayloadBytes: 1024,
      helloTimeoutMs: 300,
    });
    const otherVersion = greeting();
    otherVersion[2] = 9;
    const wrongChecksum = greeting();
    wrongChecksum[13]! ^= 1;
    const noise = Uint8Array.from({ length: 200 }, (_, i) => (i * 97 + 13) % 256);
    const cases: [string, (Uint8Array | string)[], number, string][] = [
      ['no token', [greeting()], 4401, 'E_TOKEN'],
      ['a wrong token', [greeting({ token: 'wrong' })], 4401, 'E_TOKEN'],
      ['another version', [otherVersion], 4406, 'E_FRAME_VERSION'],
      ['a wrong checksum', [wrongChecksum], 4400, 'E_FRAME_CHECKSUM'],
      ['random bytes', [noise], 4400, 'E_FRAME_MAGIC'],
      ['a truncated hello', [greeting().subarray(0, 40)], 4400, 'E_FRAME_TRUNCATED'],
      ['text', ['hello'], 4400, 'E_FRAME_TEXT'],
      ['nothing', [], 4408, 'E_HELLO_TIMEOUT'],
    ];
    for (const [what, messages, code, errorCode] of cases) {
      const end = await say(wsUrl, ...messages);
      expect(end.code, what).toBe(code);
      expect(end.heard, what).toMatchObject([{ kind: 'error', head: { code: errorCode } }]);
      expect(end.heard[0]?.head, what).toHaveProperty('remedy', expect.stringMatching(/../));
    }
    expect(receiver.links.sessions.size).toBe(0);

    const client = connect(wsUrl, { hello: hello({ token: 'right' }) });
    closers.push(() => client.link.close());
    await client.link.send(makeFrame(0));
    await client.link.idle();
    expect(client.results).toHaveLength(1);
  });

  it('are told when they send more than fits', async () => {
    const receiver = await startReceiver();
    const { wsUrl } = await start({ receiverUrl: receiver.url, maxPayloadBytes: 1024 });
    const { link, ended } = await open(wsUrl);
    expect(link.welcome.limits.maxPayloadBytes).toBe(1024);
    const { head, payload } = makeFrame(0, { count: 129 });
    link.send('frame', head, payload);
    const end = await ended;
    expect(end.code).toBe(4400);
    expect(end.error?.code).toBe('E_FRAME_TOO_LARGE');
    expect(end.error?.message).toContain('1024');
  });

  it('wait outside when the channel is full', async () => {
    const receiver = await startReceiver();
    const { wsUrl } = await start({ receiverUrl: receiver.url, maxSessions: 1 });
    const first = await open(wsUrl);
    await expect(open(wsUrl, { stream: 'cam-2' })).rejects.toMatchObject({
      code: 'E_TOO_MANY_SESSIONS',
      closeCode: 4429,
    });
    first.link.close();
    await first.ended;
    await eventually(async () => (await open(wsUrl, { stream: 'cam-2' })).link.close());
  });
});

describe('a receiver that refuses', () => {
  it('is quoted, with its close code', async () => {
    const { FrameError } = await import('@semcast/wire');
    const receiver = await startReceiver({
      welcome: () => {
        throw new FrameError('E_FRAME_UNEXPECTED', 'no such decoder here');
      },
    });
    const { wsUrl } = await start({ receiverUrl: receiver.url });
    await expect(open(wsUrl)).rejects.toMatchObject({
      code: 'E_FRAME_UNEXPECTED',
      closeCode: 4400,
      message: 'no such decoder here',
    });
  });

  it("is the channel's problem when it is about the channel's token", async () => {
    const receiver = await startReceiver({ token: 'inner' });
    const { wsUrl, httpUrl } = await start({
      receiverUrl: receiver.url,
      receiverToken: 'outdated',
      probeIntervalMs: 60_000,
    });
    const failure = await open(wsUrl).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'E_RECEIVER_AWAY', closeCode: 4503 });
    expect(failure).toHaveProperty('remedy', expect.stringContaining('receiverToken'));
    expect((await request(`${httpUrl}/readyz`)).body).toMatchObject({ ready: false });
  });
});

describe('a receiver that comes and goes', () => {
  it('is waited for: the channel starts without it and says so', async () => {
    const placeholder = await startReceiver();
    const { url, port } = placeholder;
    await placeholder.close();
    const { wsUrl, httpUrl } = await start({ receiverUrl: url });
    expect((await request(`${httpUrl}/healthz`)).status).toBe(200);
    await eventually(async () => {
      const { status, body } = await request(`${httpUrl}/readyz`);
      expect(status).toBe(503);
      expect(body).toMatchObject({ ready: false, reasons: [expect.stringContaining('ECONNREFUSED')] });
    });
    await expect(open(wsUrl)).rejects.toMatchObject({
      code: 'E_RECEIVER_AWAY',
      closeCode: 4503,
      message: expect.stringContaining(url) as string,
    });

    const client = connect(wsUrl);
    closers.push(() => client.link.close());
    const sent = client.link.send(makeFrame(0));
    await eventually(() => expect(client.link.state).toMatchObject({ name: 'waiting' }));
    await startReceiver({ port });
    await sent;
    await client.link.idle();
    expect(client.results).toHaveLength(1);
    await eventually(async () => expect((await request(`${httpUrl}/readyz`)).status).toBe(200));
  });

  it('gets what was unresolved again when it is back: nothing lost, nothing twice', async () => {
    const first = await startReceiver();
    const { wsUrl, httpUrl } = await start({ receiverUrl: first.url, channel: { seed: 3 } });
    const client = connect(wsUrl);
    closers.push(() => client.link.close());
    let answered = 0;
    const { onFrame } = first;
    first.onFrame = (message, session) => {
      // The third and all that follow stay without an answer.
      answered += 1;
      if (answered <= 2) {
        onFrame(message, session);
      }
    };
    const frames = Array.from({ length: 8 }, (_, frame) => frame);
    const sending = Promise.all(frames.map((frame) => client.link.send(makeFrame(frame))));
    await eventually(() => expect(first.frames.length).toBeGreaterThanOrEqual(6));
    await first.close();
    await eventually(async () => expect((await request(`${httpUrl}/readyz`)).status).toBe(503));
    const second = await startReceiver({ port: first.port });
    await sending;
    await client.link.idle();
    expect(client.results.map(({ frame }) => frame)).toEqual(frames);
    expect(second.frames.map(({ head }) => head.frame)).toEqual([2, 3, 4, 5, 6, 7]);
    const payloads = (receiver: StubReceiver): Uint8Array[] =>
      receiver.frames.filter(({ head }) => head.frame >= 2 && head.frame <= 5).map(({ payload }) => payload);
    expect(payloads(second)).toEqual(payloads(first));
    expect(payloads(second)).toHaveLength(4);
  });
});

describe('a channel that closes', () => {
  it('tells transmitters to try again, and keeps their streams at the receiver', async () => {
    const receiver = await startReceiver();
    const channel = await startChannel({ receiverUrl: receiver.url });
    const { ended } = await open(channel.wsUrl);
    await channel.close();
    expect(await ended).toMatchObject({ code: 4503, error: { code: 'E_TRY_AGAIN' } });
    await eventually(() => expect(receiver.links.sessions.size).toBe(0));
    expect(receiver.byes).toEqual([]);
    await expect(fetch(channel.httpUrl)).rejects.toThrow('fetch failed');
  });
});

describe('a transmitter that comes back', () => {
  it('takes its link to the receiver along, and leaves none behind', async () => {
    const receiver = await startReceiver();
    const { wsUrl } = await start({ receiverUrl: receiver.url });
    const first = await open(wsUrl, { run: 'r1' });
    const second = await open(wsUrl, { run: 'r1' });
    expect((await first.ended).code).toBe(4410);
    await eventually(() => expect(receiver.links.greeting).toBe(0));
    expect(receiver.links.sessions.size).toBe(1);
    second.link.send('frame', makeFrame(0).head, makeFrame(0).payload);
    await eventually(() => expect(second.messages).toMatchObject([{ kind: 'result' }]));
    second.link.close();
    await eventually(() => expect(receiver.links.sessions.size).toBe(0));
  });

  it('keeps its stream from others who know its name', async () => {
    const receiver = await startReceiver();
    const { wsUrl } = await start({ receiverUrl: receiver.url });
    const { link } = await open(wsUrl);
    await expect(open(wsUrl)).rejects.toMatchObject({ code: 'E_STREAM_TAKEN', closeCode: 4409 });
    // Nor does another way to the receiver help.
    await expect(open(receiver.url)).rejects.toMatchObject({ code: 'E_STREAM_TAKEN' });
    expect([link.isOpen, receiver.byes]).toEqual([true, []]);
  });

  it('that vanishes while the receiver is asked leaves nothing behind', async () => {
    let welcome = (): void => {};
    const receiver = await startReceiver({
      welcome: () =>
        new Promise((resolve) => {
          welcome = () => {
            resolve({
              credits: 1,
              limits: { maxPayloadBytes: 1024, maxImagePixels: 1 },
              decoders: [],
              bundle: { name: 'b', version: '1', digest: 'd' },
            });
          };
        }),
    });
    const { wsUrl } = await start({ receiverUrl: receiver.url });
    const ws = new WebSocket(wsUrl);
    await once(ws, 'open');
    ws.send(greeting());
    await eventually(() => expect(receiver.links.greeting).toBe(1));
    ws.terminate();
    await eventually(() => expect(receiver.links.greeting).toBe(0));
    welcome();
    await new Promise(setImmediate);
    expect(receiver.links.sessions.size).toBe(0);
  });
});
