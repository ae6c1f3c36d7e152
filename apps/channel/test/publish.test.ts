import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { iqToBytes } from '@semcast/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishSchema } from '../src/recording/config.js';
import { IqPublisher } from '../src/recording/iq-publisher.js';
import { connect, eventually, makeFrame, startChannel, startStubReceiver } from './helpers.js';

const SAMPLES = Float32Array.of(1, -0.5, 0.25, 0, -2, 3);
const { bytes: BYTES, samples: HEAD } = iqToBytes(SAMPLES, 'cf32_le');

const closing: (() => unknown)[] = [];
let publisher: IqPublisher;
beforeEach(async () => {
  publisher = await IqPublisher.open(publishSchema.parse({ port: 0 }));
  closing.push(() => publisher.close());
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) {
    await close();
  }
});

/** What a ZMTP 3.0 subscriber sends: greeting, READY, and a subscription to each topic. */
const GREETING = `ff00000000000000017f0300${Buffer.from('NULL').toString('hex')}${'00'.repeat(48)}`;
const READY = `0419${Buffer.from('\x05READY\x0bSocket-Type\0\0\0\x03SUB', 'latin1').toString('hex')}`;
const subscription = (topic: string): string =>
  Buffer.concat([Buffer.of(0, topic.length + 1, 1), Buffer.from(topic)]).toString('hex');

function dial(port = publisher.port): { readonly socket: Socket; readonly read: () => Buffer } {
  const chunks: Buffer[] = [];
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.on('data', (data) => chunks.push(data));
  closing.push(() => socket.destroy());
  return { socket, read: () => Buffer.concat(chunks) };
}

/** A subscriber that has subscribed, and what it got beyond the handshake. */
async function subscribe(topics: readonly string[], port = publisher.port): Promise<() => Buffer> {
  const { socket, read } = dial(port);
  // One byte at a time: messages don't come in pieces of their own.
  for (const byte of Buffer.from(GREETING + READY + topics.map(subscription).join(''), 'hex')) {
    socket.write(Buffer.of(byte));
  }
  await eventually(() => expect(read()).toHaveLength(64 + 27));
  return () => read().subarray(64 + 27);
}

describe('samples over ZeroMQ', () => {
  it('greets as a PUB socket of ZMTP 3.0, and sends each frame as a message', async () => {
    const { socket, read } = dial();
    await eventually(() => expect(read().toString('hex')).toBe(GREETING));
    socket.write(Buffer.from(GREETING + READY + subscription(''), 'hex'));
    const ready = READY.replace(Buffer.from('SUB').toString('hex'), Buffer.from('PUB').toString('hex'));
    await eventually(() => expect(read().subarray(64).toString('hex')).toBe(ready));
    await eventually(() => {
      publisher.publish('output', 'cam-1', HEAD, BYTES);
      publisher.publish('input', 'cam-1', HEAD, BYTES);
      const got = read().subarray(64 + 27);
      expect(got.subarray(0, 26)).toEqual(Buffer.concat([Buffer.of(0, 24), BYTES]));
    });
  });

  it('sends long frames, in floats whatever the stream sends, and streams by their names', async () => {
    const iq = Float32Array.from({ length: 200 }, (_, i) => i - 100);
    const { bytes, samples } = iqToBytes(iq, 'ci16_le');
    const [all, one, none] = await Promise.all([subscribe(['']), subscribe(['x', 'cam']), subscribe(['y'])]);
    await eventually(() => {
      publisher.publish('output', 'cam-1', samples, bytes);
      expect(Math.min(all().length, one().length)).toBeGreaterThan(800);
    });
    const long = Buffer.from('020000000000000320', 'hex');
    expect(all().subarray(0, 9)).toEqual(long);
    const floats = Array.from({ length: 200 }, (_, i) => all().readFloatLE(9 + 4 * i));
    expect(Math.max(...floats.map((value, i) => Math.abs(value - iq[i]!)))).toBeLessThan(0.01);
    expect(one().subarray(0, 16)).toEqual(Buffer.concat([Buffer.of(1, 5), Buffer.from('cam-1'), long]));
    expect(none()).toHaveLength(0);
  });

  it.each([
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n').toString('hex')],
    ['an older version', GREETING.replace('7f0300', '7f0100')],
    ['another mechanism', GREETING.replace('4e554c4c', '504c4149')],
    ['no subscriber', GREETING + READY.replace(Buffer.from('SUB').toString('hex'), Buffer.from('REQ').toString('hex'))],
    ['a subscription before it is ready', GREETING + subscription('')],
    ['a message too long to be a subscription', `${GREETING}${READY}020000000000000400`],
    ['more subscriptions than there is room for', GREETING + READY + subscription('').repeat(65)],
  ])('ends the connection of %s, and goes on', async (_, hex) => {
    const { socket } = dial();
    const closed = once(socket, 'close');
    socket.write(Buffer.from(hex, 'hex'));
    await closed;
    const read = await subscribe(['']);
    await eventually(() => {
      publisher.publish('output', 'cam-1', HEAD, BYTES);
      expect(read().length).toBeGreaterThan(0);
    });
  });

  it('is what a channel does where it is asked to; a port that is taken is an error that says so', async () => {
    const before = await IqPublisher.open(publishSchema.parse({ port: 0 }));
    const { port } = before;
    await before.close();
    const receiver = await startStubReceiver();
    closing.push(() => receiver.close());
    const channel = await startChannel({ receiverUrl: receiver.url, publish: { port } });
    closing.push(() => channel.close());
    const read = await subscribe([''], port);
    const client = connect(channel.wsUrl);
    closing.push(() => client.link.close());
    await client.link.send(makeFrame(0));
    await client.link.idle();
    const heard = receiver.frames[0]!;
    const count = heard.head.samples.count;
    await eventually(() => expect(read().includes(Buffer.from(heard.payload.subarray(0, 8 * count)))).toBe(true));
    await expect(startChannel({ publish: { port } })).rejects.toMatchObject({ code: 'E_PUBLISH' });
  });
});

/** The Python that has a module: the first on the path, or Debian's. */
const pythonWith = (module: string): string | undefined =>
  ['python3', '/usr/bin/python3'].find((program) => spawnSync(program, ['-c', `import ${module}`]).status === 0);

const PYZMQ = `
import json, struct, sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1])
socket.subscribe(sys.argv[2])
*name, body = socket.recv_multipart()
json.dump([[part.decode() for part in name], struct.unpack("<6f", body)], sys.stdout)
`;

const GNU_RADIO = `
import json, sys, time
from gnuradio import blocks, gr, zeromq
top, sink = gr.top_block(), blocks.vector_sink_c()
top.connect(zeromq.sub_source(gr.sizeof_gr_complex, 1, sys.argv[1], 100, False, -1, sys.argv[2]), sink)
top.start()
while len(sink.data()) < 3:
    time.sleep(0.02)
top.stop()
top.wait()
json.dump([part for sample in sink.data()[:3] for part in (sample.real, sample.imag)], sys.stdout)
`;

const pyzmq = pythonWith('zmq');
const gnuRadio = pythonWith('gnuradio.zeromq');

describe('other programs subscribe to samples', () => {
  async function run(python: string, script: string, topic: string): Promise<unknown> {
    const child = spawn(python, ['-c', script, `tcp://127.0.0.1:${publisher.port}`, topic]);
    closing.push(() => child.kill());
    const publishing = setInterval(() => publisher.publish('output', 'cam-1', HEAD, BYTES), 20);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (data: Buffer) => chunks.push(data));
    await once(child, 'close');
    clearInterval(publishing);
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  }

  it.skipIf(pyzmq === undefined)('pyzmq', async () => {
    expect(await run(pyzmq!, PYZMQ, '')).toEqual([[], Array.from(SAMPLES)]);
    expect(await run(pyzmq!, PYZMQ, 'cam-')).toEqual([['cam-1'], Array.from(SAMPLES)]);
  });

  it.skipIf(gnuRadio === undefined)("GNU Radio's ZMQ SUB Source", async () => {
    expect(await run(gnuRadio!, GNU_RADIO, '')).toEqual(Array.from(SAMPLES));
    expect(await run(gnuRadio!, GNU_RADIO, 'cam-1')).toEqual(Array.from(SAMPLES));
  });
});
