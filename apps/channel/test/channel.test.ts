import { createChannel, isFrameLost, parseChannelConfig } from '@semcast/channel-models';
import { bytesToIq, iqToBytes, readIq, type FrameMessage, type OutgoingFrame } from '@semcast/wire';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { ChannelService, ChannelServiceConfigInput } from '../src/index.js';
import {
  answer,
  type Client,
  connect,
  eventually,
  type FrameOptions,
  hello,
  makeFrame,
  makeSamples,
  metric,
  open,
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

interface Bench {
  readonly receiver: StubReceiver;
  readonly channel: ChannelService;
  readonly client: Client;
}

async function start(input: ChannelServiceConfigInput = {}, changes = {}, options = {}): Promise<Bench> {
  const receiver = await startStubReceiver(options);
  closers.push(() => receiver.close());
  const channel = await startChannel({ receiverUrl: receiver.url, ...input });
  closers.push(() => channel.close());
  const client = connect(channel.wsUrl, { hello: hello(changes) });
  closers.push(() => client.link.close());
  await client.link.ready;
  return { receiver, channel, client };
}

async function sendAll(client: Client, frames: number, options: FrameOptions = {}): Promise<void> {
  for (let frame = 0; frame < frames; frame++) {
    await client.link.send(makeFrame(frame, options));
  }
  await client.link.idle();
}

const fading = { model: { name: 'rician-block', coherence: 10, kFactorDb: 3 }, seed: 7 } as const;

describe('what passes', () => {
  it('hands the hello on with its own role and token, and the welcome back', async () => {
    const { receiver, client } = await start(
      { receiverToken: 'secret', maxPayloadBytes: 5_000_000, token: 'outer' },
      { token: 'outer', agent: 'camera' },
      { token: 'secret' },
    );
    const [session] = receiver.links.sessions.values();
    expect(session?.hello).toMatchObject({
      stream: 'cam-1',
      role: 'channel',
      client: '127.0.0.1',
      agent: 'camera',
      run: client.link.hello.run,
    });
    expect(client.link.welcome).toMatchObject({
      credits: 4,
      limits: { maxPayloadBytes: 5_000_000, maxImagePixels: 1000 },
      decoders: ['jscc', 'other'],
      bundle: { name: 'stub' },
    });
  });

  it('passes results, acknowledgements, credits and bye as they are', async () => {
    const { receiver, client } = await start();
    const windows: number[] = [];
    receiver.onFrame = (message, session) => {
      session.send('credit', { credits: 2 });
      answer(message, session);
    };
    await sendAll(client, 3);
    windows.push(client.link.window);
    expect(client.results.map(({ frame }) => frame)).toEqual([0, 1, 2]);
    expect(windows).toEqual([2]);
    await eventually(() => expect(receiver.acks.map(({ frame }) => frame)).toEqual([0, 1, 2]));
    await client.link.close();
    await eventually(() => expect(receiver.byes).toEqual(['cam-1']));
    await eventually(() => expect(receiver.links.sessions.size).toBe(0));
  });

  it('passes what the receiver says before the transmitter has been welcomed', async () => {
    const receiver = await startStubReceiver({
      onSession: (session) => {
        session.send('credit', { credits: 3 });
        session.send('drop', { stream: 'cam-1', frame: 9, reason: 'deadline', detail: 'old' });
      },
    });
    closers.push(() => receiver.close());
    const channel = await startChannel({ receiverUrl: receiver.url });
    closers.push(() => channel.close());
    const { link, messages } = await open(channel.wsUrl);
    await eventually(() => expect(messages.map(({ kind }) => kind)).toEqual(['credit', 'drop']));
    link.close();
  });
});

describe('what the channel does to a frame', () => {
  /** What channel-models makes of the same samples. */
  function expected({ head }: FrameMessage, samples: Float32Array, config: object) {
    const outcome = createChannel(parseChannelConfig(config)).impairFrame(samples, head);
    if (outcome.lost) {
      throw new Error('this frame was meant to arrive');
    }
    return outcome;
  }

  it('is what channel-models says, and genie channel state travels with it', async () => {
    const { receiver, channel, client } = await start({ channel: fading });
    await sendAll(client, 3);
    for (const message of receiver.frames) {
      const outcome = expected(message, makeSamples(96, message.head.frame + 1), fading);
      expect(readIq(message)).toEqual({ samples: outcome.samples, channel: outcome.channel });
      expect(message.head.impairment).toEqual({
        model: 'rician-block',
        snrDb: 10,
        seed: 7,
        noiseVariance: outcome.channel.noiseVariance,
        taps: [{ delay: 0, coherence: 10, count: 10 }],
      });
    }
    expect(receiver.frames).toHaveLength(3);
    expect(await metric(channel.httpUrl, 'semcast_channel_uses_total')).toBe(3 * 96);
    expect(await metric(channel.httpUrl, 'semcast_frames_total{stage="channel",outcome="forwarded"}')).toBe(3);
    expect(await metric(channel.httpUrl, 'semcast_frame_latency_seconds_count{stage="channel"}')).toBe(3);
    expect(await metric(channel.httpUrl, 'semcast_snr_db{kind="configured"}')).toBe(10);
    expect(await metric(channel.httpUrl, 'semcast_snr_db{kind="measured"}')).not.toBeUndefined();
    expect(await metric(channel.httpUrl, 'semcast_sessions')).toBe(1);
    expect(await metric(channel.httpUrl, 'semcast_wire_bytes_total{direction="in"}')).toBeGreaterThan(3 * 96 * 8);
  });

  it('tells nothing of its state to a stream without channel state information', async () => {
    const { receiver, client } = await start({ channel: fading }, { csi: 'none' });
    await sendAll(client, 1, { csi: 'none' });
    const [message] = receiver.frames;
    expect(message!.head.impairment).toEqual({ model: 'rician-block', snrDb: 10, seed: 7 });
    expect(message!.payload).toHaveLength(96 * 8);
    expect(readIq(message!).samples).toEqual(expected(message!, makeSamples(96, 1), fading).samples);
  });

  it('sends no taps where the gain is always one', async () => {
    const { receiver, client } = await start();
    await sendAll(client, 1);
    expect(receiver.frames[0]!.head.impairment).toEqual({ model: 'awgn', snrDb: 10, seed: 0, noiseVariance: 0.1 });
  });

  it('takes 16-bit samples apart and puts them together again', async () => {
    const { receiver, client } = await start({ channel: fading });
    await sendAll(client, 1, { format: 'ci16_le' });
    const [message] = receiver.frames;
    const { samples: head } = message!.head;
    if (head.format !== 'ci16_le') {
      throw new Error('the format changed');
    }
    const quantised = iqToBytes(makeSamples(96, 1), 'ci16_le');
    const outcome = expected(message!, bytesToIq(quantised.bytes, quantised.samples), fading);
    const { samples, channel } = readIq(message!);
    const worst = Math.max(...samples.map((value, i) => Math.abs(value - outcome.samples[i]!)));
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThanOrEqual(0.51 * head.scale);
    expect(channel).toEqual(outcome.channel);
  });

  it('loses the frames that it should lose, and tells their sender', async () => {
    const config = { loss: 0.3, seed: 11 };
    const { receiver, channel, client } = await start({ channel: config });
    await sendAll(client, 40);
    const lost = Array.from({ length: 40 }, (_, frame) => frame).filter((frame) =>
      isFrameLost({ seed: 11, stream: 'cam-1', frame }, 0.3),
    );
    expect(lost.length).toBeGreaterThan(3);
    expect(client.drops.map(({ frame }) => frame)).toEqual(lost);
    expect(new Set(client.drops.map(({ reason }) => reason))).toEqual(new Set(['channel-loss']));
    expect(client.results).toHaveLength(40 - lost.length);
    expect(receiver.frames).toHaveLength(40 - lost.length);
    const sample = 'semcast_dropped_frames_total{reason="channel-loss"}';
    expect(await metric(channel.httpUrl, sample)).toBe(lost.length);
  });

  it('gives a frame that is sent again the same channel, byte for byte', async () => {
    const { receiver, client } = await start({ channel: fading });
    let times = 0;
    receiver.onFrame = (message, session) => {
      times += 1;
      if (times === 2) {
        // The link breaks with two frames unresolved, the newer one not even seen.
        session.close(1011);
      } else if (times > 2) {
        answer(message, session);
      }
    };
    await sendAll(client, 3);
    const copies = receiver.frames.filter(({ head }) => head.frame === 0);
    expect(copies.length).toBe(2);
    expect(copies[1]!.payload).toEqual(copies[0]!.payload);
    expect(copies[1]!.head).toEqual(copies[0]!.head);
    expect(client.results.map(({ frame }) => frame).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
  });

  it.each([
    ['samples that are no numbers', { iq: new Float32Array([Number.NaN, 1, 0, 1]) }, 'finite'],
    [
      'a frame that has been through a channel',
      { impairment: { model: 'awgn', snrDb: 3, seed: 0 } },
      'through a channel already',
    ],
  ])('drops %s, and the link goes on', async (_, options, word) => {
    const { receiver, channel, client } = await start();
    await client.link.send(makeFrame(0, options));
    await client.link.send(makeFrame(1));
    await client.link.idle();
    expect(client.drops).toMatchObject([{ frame: 0, reason: 'invalid-frame' }]);
    expect(client.drops[0]!.detail).toContain(word);
    expect(receiver.frames.map(({ head }) => head.frame)).toEqual([1]);
    expect(await metric(channel.httpUrl, 'semcast_dropped_frames_total{reason="invalid-frame"}')).toBe(1);
  });
});

describe('a receiver that reads slowly', () => {
  /** A frame with 1 MB of samples. */
  const megabyte = (frame: number, stream = 'cam-1'): OutgoingFrame =>
    makeFrame(frame, { stream, iq: new Float32Array(250_000), count: 125_000 });

  /** Bytes that the channel has taken in when no more come. */
  async function takenIn(channel: ChannelService): Promise<number> {
    const read = (): Promise<number | undefined> => metric(channel.httpUrl, 'semcast_wire_bytes_total{direction="in"}');
    let before = -1;
    for (let now = await read(); now !== before || now === 0; now = await read()) {
      before = now!;
      await sleep(300);
    }
    return before;
  }

  it('makes the transmitter wait, and the channel holds no more than it may', async () => {
    const maxBufferedBytes = 1_000_000;
    const { receiver, channel, client } = await start({ maxBufferedBytes }, {}, { credits: 64 });
    const [session] = receiver.links.sessions.values();
    session!.pause();
    // 64 frames of 1 MB: more than sockets hold between two processes, less than the link's own last resort.
    const sent = Array.from({ length: 64 }, async (_, frame) => client.link.send(megabyte(frame)));
    expect(await takenIn(channel)).toBeLessThan(40_000_000);
    session!.resume();
    await Promise.all(sent);
    await client.link.idle();
    expect(client.results).toHaveLength(64);
  });

  it('costs frames, by name, when all links together hold as much as they may; the others arrive', async () => {
    const maxUnreadBytes = 12_000_000;
    const input = { maxBufferedBytes: 2 ** 40, maxPayloadBytes: 8_000_000, maxUnreadBytes };
    const { receiver, channel } = await start(input, {}, { credits: 64 });
    const streams = ['a', 'b', 'c'];
    const clients = streams.map((stream) => connect(channel.wsUrl, { hello: hello({ stream }) }));
    closers.push(
      ...clients.map(
        ({ link }) =>
          () =>
            link.close(),
      ),
    );
    await Promise.all(clients.map(({ link }) => link.ready));
    for (const session of receiver.links.sessions.values()) {
      session.pause();
    }
    // What the channel would hold without a limit, beside what the kernel's buffers take.
    const frames = 24;
    await Promise.all(
      clients.flatMap(({ link }, i) =>
        Array.from({ length: frames }, async (_, frame) => link.send(megabyte(frame, streams[i]))),
      ),
    );
    await takenIn(channel);
    const sentOn = await metric(channel.httpUrl, 'semcast_wire_bytes_total{direction="out"}');
    expect(sentOn).toBeLessThan(maxUnreadBytes + 3 * 12_000_000);
    for (const session of receiver.links.sessions.values()) {
      session.resume();
    }
    await Promise.all(clients.map(({ link }) => link.idle()));
    const drops = clients.flatMap((client) => client.drops);
    const results = clients.flatMap((client) => client.results);
    expect(drops.length).toBeGreaterThan(0);
    expect(results.length + drops.length).toBe(3 * frames);
    expect(new Set(drops.map(({ reason }) => reason))).toEqual(new Set(['queue-full']));
    expect(drops[0]!.detail).toContain('maxUnreadBytes');
    // What was read has made room again.
    await clients[0]!.link.send(megabyte(frames, 'a'));
    await clients[0]!.link.idle();
    expect(clients[0]!.results.map(({ frame }) => frame)).toContain(frames);
  });
});
