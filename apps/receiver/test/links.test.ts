import { once } from 'node:events';
import { decodeFrame, encodeFrame, PROTOCOL_VERSION, type WireMessage } from '@semcast/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ReceiverConfigInput, ReceiverService } from '../src/index.js';
import { connect, eventually, hello, makeFrame, metric, open, startReceiver } from './helpers.js';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

async function start(input: ReceiverConfigInput = {}): Promise<ReceiverService> {
  const receiver = await startReceiver(input);
  closers.push(() => receiver.close());
  return receiver;
}

const greeting = (changes: Record<string, unknown> = {}): Uint8Array =>
  encodeFrame('hello', { ...hello(), protocol: PROTOCOL_VERSION, run: 'r', attempt: 1, ...changes });

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

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc >>> 0;
}

/** A message with a text in its head replaced by another of the same length, and a checksum that fits. */
function forged(message: Uint8Array, text: string, replacement: string): Uint8Array {
  const bytes = Buffer.from(message);
  bytes.write(replacement, bytes.indexOf(text), 'latin1');
  bytes.writeUInt32LE(crc32(Buffer.concat([bytes.subarray(0, 12), bytes.subarray(16)])), 12);
  return bytes;
}

describe('clients that do not belong', () => {
  it('get a clear error, and the next good client gets its picture', async () => {
    const { wsUrl } = await start({ token: 'right', helloTimeoutMs: 300 });
    const otherVersion = greeting();
    otherVersion[2] = 9;
    const noise = Uint8Array.from({ length: 300 }, (_, i) => (i * 89 + 7) % 256);
    const cases: [string, (Uint8Array | string)[], number, string][] = [
      ['no token', [greeting()], 4401, 'E_TOKEN'],
      ['a wrong token', [greeting({ token: 'wrong' })], 4401, 'E_TOKEN'],
      ['another version', [otherVersion], 4406, 'E_FRAME_VERSION'],
      ['random bytes', [noise], 4400, 'E_FRAME_MAGIC'],
      ['a truncated hello', [greeting().subarray(0, 30)], 4400, 'E_FRAME_TRUNCATED'],
      ['text', ['hello'], 4400, 'E_FRAME_TEXT'],
      ['a frame before the hello', [encodeFrame('bye', { stream: 's' })], 4400, 'E_FRAME_UNEXPECTED'],
      ['nothing', [], 4408, 'E_HELLO_TIMEOUT'],
    ];
    for (const [what, messages, code, errorCode] of cases) {
      const end = await say(wsUrl, ...messages);
      expect(end.code, what).toBe(code);
      expect(end.heard, what).toMatchObject([{ kind: 'error', head: { code: errorCode } }]);
      expect(end.heard[0]?.head, what).toHaveProperty('remedy', expect.stringMatching(/../));
    }
    const client = connect(wsUrl, { token: 'right' });
    closers.push(() => client.link.close());
    await client.link.send(makeFrame(0));
    await client.link.idle();
    expect(client.results).toHaveLength(1);
  });

  it('hear which decoders there are when they ask for another one', async () => {
    const { wsUrl } = await start();
    await expect(open(wsUrl, { decoder: 'magic' })).rejects.toMatchObject({
      code: 'E_UNKNOWN_DECODER',
      closeCode: 4404,
      message: expect.stringContaining('magic') as string,
      remedy: expect.stringContaining('jscc') as string,
    });
  });

  it('are told when they send more than fits', async () => {
    const { wsUrl } = await start({ maxPayloadBytes: 1024 });
    const { link, ended } = await open(wsUrl);
    expect(link.welcome.limits.maxPayloadBytes).toBe(1024);
    const { head, payload } = makeFrame(0, { iq: new Float32Array(2 * 129) });
    link.send('frame', head, payload);
    expect(await ended).toMatchObject({ code: 4400, error: { code: 'E_FRAME_TOO_LARGE' } });
  });

  it('lose a frame whose head makes no sense, but not their link', async () => {
    const { wsUrl, httpUrl } = await start();
    const { head, payload } = makeFrame(0);
    const broken = forged(encodeFrame('frame', head, payload), '1/2', '9/2');
    const ws = new WebSocket(wsUrl);
    closers.push(async () => ws.terminate());
    const heard: WireMessage[] = [];
    ws.on('message', (data: Buffer) => heard.push(decodeFrame(data)));
    await once(ws, 'open');
    ws.send(greeting());
    await eventually(() => expect(heard).toMatchObject([{ kind: 'welcome' }]));
    ws.send(broken);
    ws.send(encodeFrame('frame', { ...head, frame: 1 }, payload));
    await eventually(() =>
      expect(heard.slice(1)).toMatchObject([
        { kind: 'drop', head: { frame: 0, reason: 'invalid-frame', detail: expect.stringContaining('cbr') as string } },
        { kind: 'result', head: { frame: 1 } },
      ]),
    );
    expect(await metric(httpUrl, 'semcast_dropped_frames_total{reason="invalid-frame"}')).toBe(1);
  });

  it('wait outside when the receiver is full', async () => {
    const { wsUrl } = await start({ maxStreams: 1 });
    const first = await open(wsUrl);
    await expect(open(wsUrl, { stream: 'cam-2' })).rejects.toMatchObject({ code: 'E_TOO_MANY_SESSIONS' });
    first.link.close();
    await first.ended;
    await eventually(async () => (await open(wsUrl, { stream: 'cam-2' })).link.close());
  });
});
