/** Frames and outcomes over links that hold, break, freeze and end: on real sockets. */
import { randomFor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { frameHead, frameHeadWith, heads, helloInput, resultHead, welcome } from '../test/fixtures.js';
import { afterwards, link, rawClient, sleep, startServer, until, type TestServer } from '../test/harness.js';
import { startTcpProxy } from '../test/tcp-proxy.js';
import type { ClientLink } from './connect-link.js';
import { FrameError, LinkError } from './errors.js';
import { encodeFrame } from './frame.js';
import type { FrameMessage, ResultMessage } from './heads.js';
import { InboundStreams, type Delivery, type InboundStreamsOptions } from './inbound-streams.js';
import type { LinkEnd, LinkState } from './link-types.js';
import { openLink, type OpenLink } from './open-link.js';
import { iqPayload, readIq } from './samples.js';
import type { ServeLinksOptions, ServerSession } from './serve-links.js';

interface Receiver extends TestServer {
  readonly streams: InboundStreams;
  readonly deliveries: Delivery[];
}

/** A server with streams; `onFrame` only collects by default. */
async function startReceiver({
  onFrame,
  window = 4,
  port,
  ...options
}: Partial<InboundStreamsOptions> & Partial<ServeLinksOptions> & { readonly port?: number } = {}): Promise<Receiver> {
  const deliveries: Delivery[] = [];
  const streams = new InboundStreams({
    window,
    onFrame: (delivery) => {
      deliveries.push(delivery);
      onFrame?.(delivery);
    },
  });
  const server = await startServer({
    welcome: () => ({ ...welcome, credits: streams.window }),
    ...options,
    ...(port === undefined ? {} : { port }),
    onSession: (session) => streams.attach(session),
  });
  afterwards(() => streams.close());
  return { ...server, streams, deliveries };
}

/** An image that depends on the samples alone, as a decoder's would. */
function imageOf({ payload }: Pick<Delivery, 'payload'>): Uint8Array {
  let sum = 0;
  for (const byte of payload) {
    sum = (sum * 31 + byte) >>> 0;
  }
  return Uint8Array.of(sum, sum >>> 8, sum >>> 16, sum >>> 24);
}

function finish(delivery: Delivery): boolean {
  return delivery.finish({ ...resultHead, frame: delivery.frame }, imageOf(delivery));
}

/** Samples that no two frames share. */
function framePayload(frame: number, count: number): Uint8Array {
  const values = new Float32Array(2 * count);
  randomFor({ seed: 1, stream: 'cam-1', frame, purpose: 'noise' }).fillNormal(values);
  return new Uint8Array(values.buffer);
}

function outgoing(frame: number, count = 100) {
  return { head: frameHeadWith(frame, count), payload: framePayload(frame, count) };
}

/** How often each frame's outcome was emitted, and with which image. */
function collect(client: ClientLink): { readonly outcomes: Map<number, string[]>; readonly previews: number[] } {
  const outcomes = new Map<number, string[]>();
  const previews: number[] = [];
  const add = (frame: number, what: string): void => {
    outcomes.set(frame, [...(outcomes.get(frame) ?? []), what]);
  };
  client.on('result', ({ head, payload }) => {
    if (head.stage === 'final') {
      add(head.frame, Buffer.from(payload).toString('hex'));
    } else {
      previews.push(head.frame);
    }
  });
  client.on('drop', ({ frame, reason }) => add(frame, reason));
  return { outcomes, previews };
}

function expectedOutcomes(frames: number, count = 100): Map<number, string[]> {
  return new Map(
    Array.from({ length: frames }, (_, frame) => [
      frame,
      [Buffer.from(imageOf({ payload: framePayload(frame, count) })).toString('hex')],
    ]),
  );
}

const sorted = <T>(map: Map<number, T>): Map<number, T> => new Map([...map].sort(([a], [b]) => a - b));

describe('payloads', () => {
  it.each(['none', 'random', 'auto'] as const)(
    'of any size arrive as they were sent (masking: %s)',
    async (masking) => {
      const receiver = await startReceiver({ onFrame: finish });
      const client = link(receiver.url, { masking });
      const { outcomes } = collect(client);
      // Around the sizes at which a message is joined, and at which socket reads are.
      const counts = [1, 2, 100, 2000, 2040, 2048, 8192, 8193, 100_000];
      for (const [frame, count] of counts.entries()) {
        const { head, payload } = outgoing(frame, count);
        const before = Buffer.from(payload);
        await client.send({ head, payload });
        await client.idle();
        expect(Buffer.compare(receiver.deliveries[frame]!.payload, before)).toBe(0);
        // Masking must not have changed the sender's own memory.
        expect(Buffer.compare(payload, before)).toBe(0);
        expect(outcomes.get(frame)).toEqual([Buffer.from(imageOf({ payload: before })).toString('hex')]);
      }
    },
  );

  it('in several pieces arrive joined', async () => {
    const receiver = await startReceiver({ onFrame: finish });
    const client = link(receiver.url, { masking: 'none' });
    for (const [frame, count] of [1000, 50_000].entries()) {
      const iq = {
        samples: new Float32Array(framePayload(frame, count).buffer),
        channel: {
          taps: [{ delay: 0, gains: { values: new Float32Array(framePayload(99, count / 10).buffer), coherence: 10 } }],
          noiseVariance: 0.1,
        },
      };
      const { payload, samples, genie } = iqPayload(iq, 'cf32_le');
      expect(payload.length).toBe(2);
      const impairment = { model: 'm', snrDb: 1, seed: 1, ...genie };
      await client.send({ head: { ...frameHead, frame, csi: 'genie', samples, impairment }, payload });
      await client.idle();
      expect(readIq(receiver.deliveries[frame]!)).toEqual(iq);
    }
  });

  it('are counted, prefix included, in both directions', async () => {
    const traffic = { in: 0, out: 0 };
    const receiver = await startReceiver({
      onFrame: finish,
      onTraffic: (direction, bytes) => {
        traffic[direction] += bytes;
      },
    });
    const clientTraffic = { in: 0, out: 0 };
    const client = link(receiver.url, {
      onTraffic: (direction, bytes) => {
        clientTraffic[direction] += bytes;
      },
    });
    await client.send(outgoing(0, 10_000));
    await client.idle();
    await until(() => traffic.in === clientTraffic.out);
    expect(traffic.out).toBe(clientTraffic.in);
    expect(traffic.in).toBeGreaterThan(80_000);
    expect(traffic.in).toBeLessThan(82_000);
  });
});

describe('credits', () => {
  it('let no more frames be unresolved than the window says; the next send waits', async () => {
    const receiver = await startReceiver({ window: 2 });
    const client = link(receiver.url);
    const sent: number[] = [];
    const sends = Array.from({ length: 6 }, async (_, frame) => {
      await client.send(outgoing(frame));
      sent.push(frame);
    });
    await until(() => receiver.deliveries.length === 2);
    await sleep(30);
    expect(sent).toEqual([0, 1]);
    expect(receiver.deliveries.length).toBe(2);
    expect([client.unresolved, client.waiting]).toEqual([2, 4]);
    finish(receiver.deliveries[1]!);
    await until(() => receiver.deliveries.length === 3);
    await sleep(20);
    expect(receiver.deliveries.map(({ frame }) => frame)).toEqual([0, 1, 2]);
    // A wider window lets the rest go at once.
    receiver.streams.setWindow(5);
    await until(() => receiver.deliveries.length === 6);
    expect(client.window).toBe(5);
    for (const delivery of receiver.deliveries) {
      finish(delivery);
    }
    await Promise.all(sends);
    await client.idle();
    expect([client.unresolved, client.waiting]).toEqual([0, 0]);
  });

  it('bound what waits: one send more is refused', async () => {
    const receiver = await startReceiver({ window: 1 });
    const client = link(receiver.url, { maxWaiting: 2 });
    await client.send(outgoing(0));
    const waiting = [client.send(outgoing(1)), client.send(outgoing(2))];
    await expect(client.send(outgoing(3))).rejects.toMatchObject({ code: 'E_OUTBOX_FULL' });
    await expect(client.send(outgoing(1))).rejects.toMatchObject({ code: 'E_FRAME_DUPLICATE' });
    const refused = Promise.allSettled(waiting);
    await client.close();
    expect(await refused).toMatchObject([1, 2].map(() => ({ status: 'rejected', reason: { code: 'E_LINK_CLOSED' } })));
  });

  it('are enforced by the server: frames beyond twice the window are dropped by name', async () => {
    const receiver = await startReceiver({ window: 1 });
    const drops: string[] = [];
    const rude: OpenLink = await openLink(receiver.url, {
      hello: helloInput,
      onMessage: (message) => {
        if (message.kind === 'drop') {
          drops.push(`${message.head.frame} ${message.head.reason}`);
        }
      },
      onClose: () => {},
    });
    afterwards(() => rude.close());
    for (let frame = 0; frame < 4; frame++) {
      rude.send('frame', frameHeadWith(frame, 1), framePayload(frame, 1));
    }
    await until(() => drops.length === 2);
    expect(drops).toEqual(['2 queue-full', '3 queue-full']);
    expect(receiver.deliveries.map(({ frame }) => frame)).toEqual([0, 1]);
    expect(rude.isOpen).toBe(true);
  });

  it('aborting a send that waits takes the frame back; one that is sent stays', async () => {
    const receiver = await startReceiver({ window: 1 });
    const client = link(receiver.url);
    const abort = new AbortController();
    await client.send(outgoing(0), { signal: abort.signal });
    const waiting = client.send(outgoing(1), { signal: abort.signal });
    abort.abort(new Error('changed my mind'));
    await expect(waiting).rejects.toThrow('changed my mind');
    await expect(client.send(outgoing(2), { signal: abort.signal })).rejects.toThrow('changed my mind');
    expect([client.unresolved, client.waiting]).toEqual([1, 0]);
    await until(() => receiver.deliveries.length === 1);
    finish(receiver.deliveries[0]!);
    await client.idle();
  });

  it('of a frame given up come back with its outcome, which nobody sees', async () => {
    const receiver = await startReceiver({ window: 1 });
    const client = link(receiver.url);
    const { outcomes } = collect(client);
    await client.send(outgoing(0));
    const waiting = client.send(outgoing(1));
    await until(() => receiver.deliveries.length === 1);
    expect(client.giveUp(0)).toBe(true);
    expect(client.giveUp(1)).toBe(true);
    await expect(waiting).rejects.toMatchObject({ code: 'E_LINK_CLOSED' });
    const next = client.send(outgoing(2));
    await sleep(20);
    expect(receiver.deliveries.length).toBe(1);
    finish(receiver.deliveries[0]!);
    await next;
    await until(() => receiver.deliveries.length === 2);
    finish(receiver.deliveries[1]!);
    await client.idle();
    expect([...outcomes.keys()]).toEqual([2]);
    await until(() => receiver.streams.stored === 0);
  });
});

describe('outcomes', () => {
  it('come as previews, one final result or one drop, and are acknowledged', async () => {
    const said: boolean[] = [];
    const receiver = await startReceiver({
      onFrame: (delivery) => {
        const head = { ...resultHead, frame: delivery.frame };
        said.push(delivery.preview({ ...head, stage: 'preview' }, Uint8Array.of(1)));
        if (delivery.frame === 1) {
          said.push(delivery.drop('decode-failed', 'no image in it'), delivery.drop('decode-failed', 'again'));
        }
        said.push(finish(delivery));
      },
    });
    const client = link(receiver.url);
    const { outcomes, previews } = collect(client);
    for (let frame = 0; frame < 3; frame++) {
      await client.send(outgoing(frame));
    }
    await client.idle();
    expect(previews).toEqual([0, 1, 2]);
    // Preview and result; preview, drop, no second drop, no result; preview and result.
    expect(said).toEqual([true, true, true, true, false, false, true, true]);
    expect(sorted(outcomes)).toEqual(expectedOutcomes(3).set(1, ['decode-failed']));
    await until(() => receiver.streams.stored === 0);
    expect(receiver.streams.inProgress).toBe(0);
  });

  it('of a frame with an unusable head are drops by name, and the link goes on', async () => {
    const receiver = await startReceiver({ onFrame: finish });
    const refused: unknown[] = [];
    const client = await rawClient(receiver.url);
    client.ws.send(encodeFrame('hello', { ...heads.hello, run: 'r' }));
    await client.next();
    receiver.sessions[0]!.on('refused', (drop, error) => refused.push([drop.frame, error.code]));
    // Valid as a message, though its payload is not what the head says.
    const { crc32 } = await import('./crc.js');
    const bytes = Buffer.concat([encodeFrame('frame', frameHeadWith(5, 2), new Uint8Array(16)), Buffer.alloc(8)]);
    bytes.writeUInt32LE(24, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12))), 12);
    client.ws.send(bytes);
    expect(await client.next()).toMatchObject({
      kind: 'drop',
      head: {
        stream: 'cam-1',
        frame: 5,
        reason: 'invalid-frame',
        detail: expect.stringContaining('24 bytes') as string,
      },
    });
    expect(refused).toEqual([[5, 'E_FRAME_PAYLOAD']]);
    client.ws.send(encodeFrame('frame', frameHeadWith(6, 2), new Uint8Array(16)));
    expect(await client.next()).toMatchObject({ kind: 'result', head: { frame: 6 } });
  });

  it('are acknowledged when the application says so, with acknowledge: manual', async () => {
    const receiver = await startReceiver({ window: 1, onFrame: finish });
    const client = link(receiver.url, { acknowledge: 'manual' });
    const { outcomes } = collect(client);
    await client.send(outgoing(0));
    await until(() => outcomes.size === 1);
    const next = client.send(outgoing(1));
    await sleep(30);
    expect([client.unresolved, client.waiting, receiver.streams.stored]).toEqual([1, 1, 1]);
    expect(client.resolved('cam-2', 0)).toBe(false);
    expect(client.resolved('cam-1', 1)).toBe(false);
    expect(client.resolved('cam-1', 0)).toBe(true);
    expect(client.resolved('cam-1', 0)).toBe(false);
    await next;
    await until(() => outcomes.size === 2);
    client.resolved('cam-1', 1);
    await client.idle();
    await until(() => receiver.streams.stored === 0);
  });

  it('end the link when the listener of the client throws, rather than losing one', async () => {
    const receiver = await startReceiver({ onFrame: finish });
    const client = link(receiver.url);
    client.on('result', () => {
      throw new Error('disk full');
    });
    await client.send(outgoing(0));
    expect(await client.closed).toMatchObject({ code: 'E_SERVICE_FAILED', cause: { message: 'disk full' } });
    await expect(client.idle()).rejects.toMatchObject({ code: 'E_SERVICE_FAILED' });
    expect(receiver.streams.stored).toBe(1);
  });
});

describe('a link that breaks', () => {
  it('is made again; nothing is lost, nothing comes twice, and work is not repeated', async () => {
    const random = randomFor({ seed: 5, stream: 'proxy', frame: 0, purpose: 'noise' });
    const receiver = await startReceiver({
      onFrame: (delivery) => void setTimeout(() => finish(delivery), 6 * random.uniform()),
    });
    const proxy = await startTcpProxy(receiver.port, {
      onConnection: (cut) => void setTimeout(cut, 3 + 25 * random.uniform()),
    });
    afterwards(() => proxy.close());
    const client = link(`ws://127.0.0.1:${proxy.port}`);
    const { outcomes } = collect(client);
    const frames = 300;
    for (let frame = 0; frame < frames; frame++) {
      await client.send(outgoing(frame, frame % 7 === 0 ? 20_000 : 100));
      expect(receiver.streams.inProgress).toBeLessThanOrEqual(4);
      expect(receiver.streams.stored).toBeLessThanOrEqual(4);
    }
    await client.idle();
    expect(proxy.connections).toBeGreaterThan(5);
    const expected = new Map(
      Array.from({ length: frames }, (_, frame) => {
        const payload = framePayload(frame, frame % 7 === 0 ? 20_000 : 100);
        return [frame, [Buffer.from(imageOf({ payload })).toString('hex')]];
      }),
    );
    expect(sorted(outcomes)).toEqual(expected);
    // Everything was decoded once: a resend found its frame in progress or finished.
    expect(receiver.deliveries.length).toBe(frames);
  });

  it('to a server that is killed and started again, and knows nothing: still no loss and nothing twice', async () => {
    let receiver = await startReceiver({ window: 3 });
    const { port } = receiver;
    const client = link(receiver.url);
    const { outcomes } = collect(client);
    const states: string[] = [];
    client.on('state', ({ name }) => states.push(name));
    const welcomes: boolean[] = [];
    client.on('welcome', (_welcome, { reconnected }) => welcomes.push(reconnected));
    const sending = (async () => {
      for (let frame = 0; frame < 30; frame++) {
        await client.send(outgoing(frame));
      }
    })();
    for (let life = 0; life < 4; life++) {
      await until(() => receiver.deliveries.length >= 3);
      finish(receiver.deliveries[1]!);
      // Some outcomes arrive, some don't.
      if (life % 2 === 0) {
        await sleep(10);
      }
      for (const session of receiver.sessions) {
        session.close(4503);
      }
      receiver.streams.close();
      await receiver.stop();
      receiver = await startReceiver({ window: 3, port, ...(life === 3 ? { onFrame: finish } : {}) });
    }
    await sending;
    await client.idle();
    expect(sorted(outcomes)).toEqual(expectedOutcomes(30));
    expect(welcomes).toEqual([false, true, true, true, true]);
    expect(states.at(-1)).toBe('open');
  });

  it('leaves nobody waiting for a frame that was given up', async () => {
    const receiver = await startReceiver();
    const client = link(receiver.url, { reconnect: { initialMs: 60_000 } });
    await client.send(outgoing(0));
    client.giveUp(0);
    expect(client.unresolved).toBe(1);
    const idle = client.idle();
    await receiver.stop();
    await idle;
    expect([client.state.name, client.unresolved]).toEqual(['waiting', 0]);
  });

  it('finds its outcomes again that were finished meanwhile', async () => {
    const receiver = await startReceiver();
    const proxy = await startTcpProxy(receiver.port);
    afterwards(() => proxy.close());
    const client = link(`ws://127.0.0.1:${proxy.port}`, { reconnect: { initialMs: 120 } });
    const { outcomes } = collect(client);
    await client.send(outgoing(0));
    await client.send(outgoing(1));
    await until(() => receiver.deliveries.length === 2);
    proxy.cut();
    await until(() => receiver.links.sessions.size === 0);
    expect(finish(receiver.deliveries[0]!)).toBe(true);
    expect([receiver.streams.stored, outcomes.size]).toEqual([1, 0]);
    await until(() => outcomes.size === 1);
    finish(receiver.deliveries[1]!);
    await client.idle();
    expect(sorted(outcomes)).toEqual(expectedOutcomes(2));
    expect(receiver.deliveries.length).toBe(2);
  });

  it('to a server that takes less than the one before: what is too large for it becomes a drop', async () => {
    const receiver = await startReceiver();
    const { port } = receiver;
    const client = link(receiver.url);
    const { outcomes } = collect(client);
    await client.send(outgoing(0, 1000));
    await client.send(outgoing(1, 10));
    await until(() => receiver.deliveries.length === 2);
    await receiver.stop();
    const smaller = { ...welcome, limits: { ...welcome.limits, maxPayloadBytes: 500 } };
    const late = client.send(outgoing(2, 1000));
    const refused = Promise.allSettled([late]);
    await startReceiver({ port, onFrame: finish, welcome: () => smaller });
    await client.idle();
    expect(await refused).toMatchObject([{ status: 'rejected', reason: { code: 'E_FRAME_TOO_LARGE' } }]);
    expect(sorted(outcomes)).toEqual(expectedOutcomes(2, 10).set(0, ['image-too-large']));
  });
});

describe('broken messages', () => {
  it('again and again, with no outcome between, end the link for good', async () => {
    const broken = await startServer({
      onSession: (session) => {
        session.on('frame', () => session.close(4400, new FrameError('E_FRAME_CHECKSUM', 'the checksum is wrong')));
      },
    });
    const client = link(broken.url, { reconnect: { initialMs: 1, maxMs: 1 } });
    await client.send(outgoing(0));
    expect(await client.closed).toMatchObject({ code: 'E_FRAME_CHECKSUM', closeCode: 4400 });
    expect(broken.sessions.length).toBe(8);
  });

  it('with outcomes between them go on for ever', async () => {
    const receiver = await startReceiver({ window: 1, onFrame: finish });
    const client = link(receiver.url, { reconnect: { initialMs: 1, maxMs: 1 } });
    const { outcomes } = collect(client);
    for (let frame = 0; frame < 20; frame++) {
      await client.send(outgoing(frame));
      await client.idle();
      const links = receiver.sessions.length;
      receiver.sessions.at(-1)!.close(4400, new FrameError('E_FRAME_CHECKSUM', 'the checksum is wrong'));
      // The client is back within a millisecond: its state alone may be missed.
      await until(() => receiver.sessions.length > links);
    }
    await client.send(outgoing(20));
    await client.idle();
    expect(sorted(outcomes)).toEqual(expectedOutcomes(21));
  });
});

describe('silence', () => {
  it('of a message whose length has become a longer one ends the link, though pings go on', async () => {
    const receiver = await startReceiver({ keepAliveMs: 100, onFrame: finish });
    let lengthened = false;
    const proxy = await startTcpProxy(receiver.port, {
      onUpstream: (data) => {
        // A frame of the client, its WebSocket length in the third byte (16 bits): 64 KiB are never to come.
        if (!lengthened && receiver.sessions.length > 0 && data.length > 300) {
          lengthened = true;
          data[2] = 0xff;
        }
      },
    });
    afterwards(() => proxy.close());
    const client = link(`ws://127.0.0.1:${proxy.port}`, { keepAliveMs: 100, masking: 'none' });
    await client.ready;
    await client.send(outgoing(0, 30));
    await client.idle();
    expect([lengthened, proxy.connections, receiver.deliveries.length]).toEqual([true, 2, 1]);
    expect(receiver.refusals[0]!.error.code).toBe('E_LINK_TIMEOUT');
  });

  it('ends the link at both ends, and the client connects again', async () => {
    const receiver = await startReceiver({ keepAliveMs: 40, onFrame: finish });
    const frozen = await startTcpProxy(receiver.port);
    afterwards(() => frozen.close());
    const client = link(`ws://127.0.0.1:${frozen.port}`, { keepAliveMs: 40 });
    await client.ready;
    // Pings keep an idle link.
    await sleep(200);
    expect(client.state.name).toBe('open');
    frozen.hold();
    await until(() => client.state.name !== 'open', 1000);
    expect(client.state).toMatchObject({ error: { code: 'E_LINK_TIMEOUT' } });
    await until(() => receiver.links.sessions.size === 0, 1000);
    await until(() => receiver.refusals.length > 0);
    expect(receiver.refusals[0]!.error.code).toBe('E_LINK_TIMEOUT');
  });

  it('of a paused reader is no silence', async () => {
    const receiver = await startReceiver({ keepAliveMs: 30 });
    const client = link(receiver.url, { keepAliveMs: 1000 });
    await client.ready;
    receiver.sessions[0]!.pause();
    await sleep(200);
    receiver.sessions[0]!.resume();
    await client.send(outgoing(0));
    await until(() => receiver.deliveries.length === 1);
    expect(receiver.sessions.length).toBe(1);
  });
});

describe('unfinished messages', () => {
  /** A welcomed client that has sent the beginning of a message: its last byte is missing. */
  async function beginMessage({ url }: Receiver, stream: string, bytes: number) {
    const client = await rawClient(url);
    client.ws.send(encodeFrame('hello', { ...heads.hello, stream, run: `run-of-${stream}` }));
    expect((await client.next()).kind).toBe('welcome');
    const whole = encodeFrame('frame', frameHeadWith(0, bytes / 8, { stream }), new Uint8Array(bytes));
    client.ws.send(whole.subarray(0, -1), { fin: false });
    return { ...client, end: () => client.ws.send(whole.subarray(-1), { fin: true }) };
  }

  it('of all links together have a limit: the one with most is ended, the others arrive', async () => {
    const receiver = await startReceiver({ maxPayloadBytes: 1_000_000, maxUnfinishedBytes: 1_500_000 });
    const small = await beginMessage(receiver, 'small', 200_000);
    const large = await beginMessage(receiver, 'large', 900_000);
    const middle = await beginMessage(receiver, 'middle', 600_000);
    expect(await large.closed).toMatchObject({ code: 4503 });
    expect(receiver.refusals.map(({ error, stream }) => [error.code, stream])).toEqual([['E_TRY_AGAIN', 'large']]);
    small.end();
    middle.end();
    await until(() => receiver.deliveries.length === 2);
    // Its bytes are free again.
    const later = await beginMessage(receiver, 'later', 900_000);
    later.end();
    await until(() => receiver.deliveries.length === 3);
    expect(receiver.links.sessions.size).toBe(3);
  });

  it('that grow too slowly end their link, however many pings come between', async () => {
    const receiver = await startReceiver({ keepAliveMs: 100 });
    const client = await beginMessage(receiver, 'slow', 200_000);
    const trickle = setInterval(() => {
      client.ws.send(new Uint8Array(10), { fin: false });
      client.ws.ping();
    }, 10);
    afterwards(() => {
      clearInterval(trickle);
    });
    await client.closed;
    await until(() => receiver.refusals.length > 0);
    expect(receiver.refusals.map(({ error }) => [error.code, error.message])).toEqual([
      ['E_LINK_TIMEOUT', expect.stringMatching(/too slowly/)],
    ]);
  });
});

describe('a client that does not read', () => {
  it('is closed when too much waits for it, and gets its outcomes after reconnecting', async () => {
    const image = new Uint8Array(3_000_000).fill(7);
    const receiver = await startReceiver({
      window: 8,
      maxBufferedBytes: 5_000_000,
      onFrame: (delivery) => void delivery.finish({ ...resultHead, frame: delivery.frame }, image),
    });
    const messages: ResultMessage[] = [];
    let end: LinkEnd | undefined;
    const slow = await openLink(receiver.url, {
      hello: { ...helloInput, run: 'slow' },
      onMessage: () => {},
      onClose: (ended) => {
        end = ended;
      },
    });
    slow.pause();
    for (let frame = 0; frame < 8; frame++) {
      slow.send('frame', frameHeadWith(frame, 1), framePayload(frame, 1));
    }
    await until(() => receiver.refusals.length === 1);
    expect(receiver.refusals[0]!.error).toMatchObject({ code: 'E_SLOW_READER', closeCode: 4413 });
    slow.resume();
    await until(() => end !== undefined);
    const again = link(receiver.url, { hello: { ...helloInput, run: 'slow' } });
    again.on('result', (message) => messages.push(message));
    for (let frame = 0; frame < 8; frame++) {
      await again.send({ head: frameHeadWith(frame, 1), payload: framePayload(frame, 1) });
    }
    await again.idle();
    expect(messages.map(({ head }) => head.frame)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(receiver.deliveries.length).toBe(8);
  });

  it('ends when all clients together leave too much unread and it has most of it; the others stay', async () => {
    const image = new Uint8Array(6_000_000).fill(7);
    const receiver = await startReceiver({
      window: 8,
      maxPayloadBytes: 8_000_000,
      maxBufferedBytes: 1_000_000_000,
      maxUnreadBytes: 40_000_000,
      onFrame: (delivery) =>
        void delivery.finish({ ...resultHead, stream: delivery.stream, frame: delivery.frame }, image),
    });
    const ends: string[] = [];
    /** A client that asks for so many results and reads none. */
    async function ask(stream: string, frames: number) {
      const got: number[] = [];
      const client = await openLink(receiver.url, {
        hello: { ...helloInput, stream, run: `run-of-${stream}` },
        onMessage: ({ kind, head }) => {
          if (kind === 'result') {
            got.push(head.frame);
          }
        },
        onClose: () => ends.push(stream),
      });
      afterwards(() => client.close());
      client.pause();
      for (let frame = 0; frame < frames; frame++) {
        client.send('frame', frameHeadWith(frame, 1, { stream }), framePayload(frame, 1));
      }
      return { client, got };
    }
    const modest = await ask('modest', 3);
    await until(() => receiver.deliveries.length === 3);
    await ask('greedy', 8);
    await until(() => receiver.refusals.length === 1);
    expect(receiver.refusals.map(({ error, stream }) => [error.code, stream])).toEqual([['E_SLOW_READER', 'greedy']]);
    modest.client.resume();
    await until(() => modest.got.length === 3);
    expect(ends).not.toContain('modest');
  });

  it('gets no previews while results wait', async () => {
    const receiver = await startReceiver({ window: 8, maxBufferedBytes: 100_000_000 });
    const slow = await openLink(receiver.url, { hello: helloInput, onMessage: () => {}, onClose: () => {} });
    afterwards(() => slow.close());
    slow.pause();
    for (let frame = 0; frame < 8; frame++) {
      slow.send('frame', frameHeadWith(frame, 1), framePayload(frame, 1));
    }
    await until(() => receiver.deliveries.length === 8);
    const image = new Uint8Array(3_000_000);
    const previews = receiver.deliveries.map((delivery) => {
      const head = { ...resultHead, frame: delivery.frame };
      const sent = delivery.preview({ ...head, stage: 'preview' }, image);
      delivery.finish(head, image);
      return sent;
    });
    expect(previews[0]).toBe(true);
    expect(previews.at(-1)).toBe(false);
  });
});

describe('endings', () => {
  it('of a client with bye: the server forgets the stream and cancels its work', async () => {
    const receiver = await startReceiver();
    const client = link(receiver.url);
    await client.send(outgoing(0));
    await until(() => receiver.deliveries.length === 1);
    const [delivery] = receiver.deliveries;
    await client.close();
    await until(() => delivery!.signal.aborted);
    expect(delivery!.signal.reason).toMatchObject({ code: 'E_CANCELLED' });
    expect(finish(delivery!)).toBe(false);
    expect(receiver.streams.size).toBe(0);
    await expect(client.send(outgoing(1))).rejects.toMatchObject({ code: 'E_LINK_CLOSED' });
    await expect(client.idle()).rejects.toMatchObject({ code: 'E_LINK_CLOSED' });
  });

  it('of a client without bye: another with the same run takes over where it left', async () => {
    const receiver = await startReceiver();
    const hello = { ...helloInput, run: 'journal-7' };
    const client = link(receiver.url, { hello });
    await client.send(outgoing(0));
    await client.send(outgoing(1));
    await until(() => receiver.deliveries.length === 2);
    await client.close({ endStream: false });
    await until(() => receiver.links.sessions.size === 0);
    expect(receiver.deliveries[0]!.signal.aborted).toBe(false);
    finish(receiver.deliveries[0]!);
    const heir = link(receiver.url, { hello });
    const { outcomes } = collect(heir);
    await heir.send(outgoing(0));
    await heir.send(outgoing(1));
    await until(() => outcomes.size === 1);
    finish(receiver.deliveries[1]!);
    await heir.idle();
    expect(sorted(outcomes)).toEqual(expectedOutcomes(2));
    expect(receiver.deliveries.length).toBe(2);
  });

  it('of a client without bye: one with another run starts anew, though it counts from 0 again', async () => {
    const receiver = await startReceiver();
    const client = link(receiver.url);
    await client.send(outgoing(0, 50));
    await until(() => receiver.deliveries.length === 1);
    await client.close({ endStream: false });
    finish(receiver.deliveries[0]!);
    const other = link(receiver.url);
    const { outcomes } = collect(other);
    await other.send(outgoing(0, 100));
    await until(() => receiver.deliveries.length === 2);
    finish(receiver.deliveries[1]!);
    await other.idle();
    expect(outcomes).toEqual(expectedOutcomes(1, 100));
  });

  it('of a server: clients are told to try again, new ones get 503, and close() waits for all', async () => {
    const receiver = await startReceiver();
    const client = link(receiver.url, { reconnect: { initialMs: 60_000 } });
    await client.ready;
    const greeting = await rawClient(receiver.url);
    await receiver.links.close();
    expect(receiver.links.sessions.size).toBe(0);
    expect(receiver.links.greeting).toBe(0);
    await until(() => client.state.name === 'waiting');
    expect(client.state).toMatchObject({
      error: { code: 'E_TRY_AGAIN', message: 'the service is shutting down', closeCode: 4503 },
    });
    expect((await greeting.closed).code).toBe(4503);
    await receiver.links.close();
  });

  it('of a server: a client that does not answer is cut in time', async () => {
    const receiver = await startReceiver({ closeTimeoutMs: 60 });
    const client = await rawClient(receiver.url);
    client.ws.send(encodeFrame('hello', { ...heads.hello, run: 'r' }));
    await client.next();
    client.ws.pause();
    const started = performance.now();
    const closing = receiver.links.close();
    await expect(rawClient(receiver.url)).rejects.toThrow('503');
    await closing;
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(50);
    expect(took).toBeLessThan(1000);
  });

  it('of one link are reported once, at either end, with the message of the other', async () => {
    const receiver = await startReceiver();
    const ends: LinkEnd[] = [];
    const serverEnds: LinkEnd[] = [];
    const opened = await openLink(receiver.url, {
      hello: helloInput,
      onMessage: () => {},
      onClose: (end) => ends.push(end),
    });
    receiver.sessions[0]!.on('close', (end) => serverEnds.push(end));
    opened.close(4503, new LinkError('E_TRY_AGAIN', 'the channel is going', { remedy: 'wait' }));
    opened.close(1000);
    await until(() => serverEnds.length === 1 && ends.length === 1);
    expect(serverEnds[0]).toMatchObject({
      code: 4503,
      reason: 'E_TRY_AGAIN: the channel is going',
      error: { code: 'E_TRY_AGAIN', message: 'the channel is going', remedy: 'wait', closeCode: 4503 },
    });
    expect(ends[0]).toMatchObject({ code: 4503, error: { code: 'E_TRY_AGAIN' } });
    // A closed link swallows what is sent on it.
    opened.send('ack', { stream: 'cam-1', frame: 1 });
    receiver.sessions[0]!.send('credit', { credits: 1 });
    expect(opened.isOpen).toBe(false);
  });

  it('with a close reason of control characters is told without them', async () => {
    const receiver = await startReceiver();
    const client = await rawClient(receiver.url);
    client.ws.send(encodeFrame('hello', heads.hello));
    await client.next();
    const ends: LinkEnd[] = [];
    receiver.sessions[0]!.on('close', (end) => ends.push(end));
    client.ws.close(4999, 'bye\u001b[2J');
    await until(() => ends.length === 1);
    expect(ends[0]).toMatchObject({ reason: 'bye\ufffd[2J' });
    expect(ends[0]!.error!.message).toContain('bye\ufffd[2J');
  });

  it('with an error whose message is long are cut to what a close frame holds', async () => {
    const { SemcastError } = await import('@semcast/core');
    const receiver = await startReceiver();
    const client = link(receiver.url, { reconnect: false });
    await client.ready;
    receiver.sessions[0]!.close(4503, new SemcastError('E_LONG', 'ä'.repeat(3000), { remedy: '…'.repeat(3000) }));
    const error = await client.closed;
    expect(error).toMatchObject({ code: 'E_LONG', closeCode: 4503, message: 'ä'.repeat(2000) });
  });
});

describe('a relay, as the channel is one', () => {
  it('passes hello, frames, results and acks between two links, and both ends keep their promises', async () => {
    const receiver = await startReceiver({ onFrame: finish, token: 'inner' });
    const upstreams = new Map<ServerSession, OpenLink>();
    const lost: number[] = [];
    const relay = await startServer({
      token: 'outer',
      welcome: async (hello, session) => {
        const upstream = await openLink(receiver.url, {
          hello: { ...hello, role: 'channel', token: 'inner' },
          onMessage: (message) => session.send(message.kind, message.head, message.payload),
          onClose: (end) => session.close(end.code, end.error),
          signal: session.signal,
        });
        upstreams.set(session, upstream);
        return upstream.welcome;
      },
      onSession: (session) => {
        const upstream = upstreams.get(session)!;
        session.on('frame', ({ head, payload }: FrameMessage) => {
          const { stream, frame } = head;
          if (frame % 5 === 3) {
            lost.push(frame);
            session.send('drop', { stream, frame, reason: 'channel-loss', detail: '' });
          } else {
            upstream.send('frame', head, payload);
          }
        });
        session.on('ack', (head) => upstream.send('ack', head));
        session.on('bye', () => upstream.send('bye', { stream: session.hello.stream }));
        session.on('close', () => upstreams.delete(session));
      },
    });
    const proxy = await startTcpProxy(relay.port);
    afterwards(() => proxy.close());
    const client = link(`ws://127.0.0.1:${proxy.port}`, { hello: { ...helloInput, token: 'outer' } });
    const { outcomes } = collect(client);
    const states: LinkState[] = [];
    client.on('state', (state) => states.push(state));
    for (let frame = 0; frame < 60; frame++) {
      await client.send(outgoing(frame));
      if (frame % 20 === 10) {
        proxy.cut();
      }
    }
    await client.idle();
    const expected = expectedOutcomes(60);
    for (let frame = 3; frame < 60; frame += 5) {
      expected.set(frame, ['channel-loss']);
    }
    expect(sorted(outcomes)).toEqual(expected);
    expect(states.filter(({ name }) => name === 'open').length).toBe(4);
    expect(receiver.sessions[0]!.hello).toMatchObject({ role: 'channel', run: client.hello.run });
    expect(new Set(receiver.deliveries.map(({ frame }) => frame)).size).toBe(48);
    await client.close();
    await until(() => receiver.streams.size === 0 && upstreams.size === 0);
  });

  it('that can not reach its upstream says "try again" with the cause', async () => {
    const relay = await startServer({
      welcome: async (hello) => {
        const upstream = await openLink('ws://127.0.0.1:1', { hello, onMessage: () => {}, onClose: () => {} });
        return upstream.welcome;
      },
    });
    const client = link(relay.url);
    await until(() => client.state.name === 'waiting');
    expect(client.state).toMatchObject({ error: { code: 'E_LINK_UNREACHABLE', closeCode: 4503 } });
  });
});
