import type { HelloInput, ServerMessage } from '@semcast/wire';
import { afterEach, describe, expect, it } from 'vitest';
import type { ReceiverConfigInput, ReceiverService } from '../src/index.js';
import {
  type Client,
  connect,
  eventually,
  type HeldDecode,
  heldDecoder,
  makeFrame,
  makePicture,
  metric,
  open,
  startReceiver,
} from './helpers.js';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

/** A receiver whose only decoder waits for the test. It has room in memory for two frames of 8×8 at a time. */
const TWO_FRAMES = { maxImagePixels: 64, maxDecodingPixels: 128 };
async function start(input: ReceiverConfigInput = {}): Promise<{ receiver: ReceiverService; held: HeldDecode[] }> {
  const { decoders, held } = heldDecoder();
  const receiver = await startReceiver({ residual: false, ...TWO_FRAMES, ...input }, { decoders });
  closers.push(() => receiver.close());
  return { receiver, held };
}

function client(receiver: ReceiverService, stream = 'cam-1', changes: Partial<HelloInput> = {}): Client {
  const connected = connect(receiver.wsUrl, { stream, decoder: 'held', ...changes });
  closers.push(() => connected.link.close());
  return connected;
}

const frameOf = (stream: string, frame: number, options = {}) =>
  makeFrame(frame, { stream, decoder: 'held', ...options });

async function sendMany(to: Client, frames: number, options = {}): Promise<void> {
  for (let frame = 0; frame < frames; frame++) {
    await to.link.send(frameOf(to.link.hello.stream, frame, options));
  }
}

const isFinal = (message: ServerMessage): boolean => message.kind === 'result' && message.head.stage === 'final';

const names = (held: readonly HeldDecode[]): string[] =>
  held.map(({ demodulated: { stream, frame } }) => `${stream}/${frame}`);

describe('credits', () => {
  it('make the sender wait when its window is full, and let it go on with each outcome', async () => {
    const { receiver, held } = await start({ creditsPerStream: 3 });
    const camera = client(receiver);
    const sending = sendMany(camera, 6);
    await eventually(() => expect(camera.link).toMatchObject({ window: 3, unresolved: 3, waiting: 1 }));
    await eventually(() => expect(names(held)).toEqual(['cam-1/0', 'cam-1/1']));
    await eventually(() => expect(receiver.status().queue).toMatchObject({ waiting: 1, decoding: 2, pixels: 128 }));
    expect(await metric(receiver.httpUrl, 'semcast_scheduler_queue_depth')).toBe(1);
    held[0]!.finish();
    await eventually(() => expect(held).toHaveLength(3));
    expect(camera.link.unresolved).toBe(3);
    for (let decoded = 1; decoded < 6; decoded++) {
      await eventually(() => expect(held.length).toBeGreaterThan(decoded));
      held[decoded]!.finish();
    }
    await sending;
    await camera.link.idle();
    expect(camera.results.map(({ head }) => head.frame)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(camera.results[0]!.head.steps).toBe(3);
    expect(receiver.status().queue).toMatchObject({ waiting: 0, decoding: 0, bytes: 0 });
    expect(await metric(receiver.httpUrl, 'semcast_sampler_steps_total{decoder="held"}')).toBe(18);
  });

  it('are shared out: a newcomer halves the windows, and gives its share back when it goes', async () => {
    const { receiver } = await start({ creditsPerStream: 8, maxQueue: 8, maxStreams: 4 });
    const first = client(receiver, 'a');
    await first.link.ready;
    await eventually(() => expect(first.link.window).toBe(8));
    const second = client(receiver, 'b');
    await second.link.ready;
    await eventually(() => expect([first.link.window, second.link.window]).toEqual([4, 4]));
    const third = client(receiver, 'c');
    await third.link.ready;
    await eventually(() => expect([first.link.window, second.link.window, third.link.window]).toEqual([2, 2, 2]));
    await second.link.close();
    await third.link.close();
    await eventually(() => expect(first.link.window).toBe(8));
  });

  it('do not drop what a sender sent before it heard of its smaller window', async () => {
    const { receiver, held } = await start({ creditsPerStream: 8, maxQueue: 8, maxStreams: 8 });
    const { link, messages } = await open(receiver.wsUrl, { stream: 'a', decoder: 'held' });
    const others = ['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((stream) => client(receiver, stream));
    await Promise.all(others.map(({ link: other }) => other.ready));
    // This client never reads its credits: as if all eight had been on their way.
    for (let frame = 0; frame < 8; frame++) {
      const { head, payload } = frameOf('a', frame);
      link.send('frame', head, payload);
    }
    for (let decoded = 0; decoded < 8; decoded++) {
      await eventually(() => expect(held.length).toBeGreaterThan(decoded));
      held[decoded]!.finish();
    }
    await eventually(() => expect(messages.filter(isFinal)).toHaveLength(8));
    expect(messages.some(({ kind }) => kind === 'drop')).toBe(false);
    link.close();
  });

  it('bind: who sends far more than its window is refused', async () => {
    const { receiver, held } = await start({ creditsPerStream: 2 });
    const { link, messages } = await open(receiver.wsUrl, { decoder: 'held' });
    for (let frame = 0; frame < 5; frame++) {
      const { head, payload } = frameOf('cam-1', frame);
      link.send('frame', head, payload);
    }
    const drops = () => messages.filter(({ kind }) => kind === 'drop');
    await eventually(() => expect(drops()).toMatchObject([{ head: { frame: 4, reason: 'queue-full' } }]));
    expect(await metric(receiver.httpUrl, 'semcast_dropped_frames_total{reason="queue-full"}')).toBe(1);
    expect(held.length + receiver.status().queue.waiting).toBe(4);
    link.close();
  });
});

describe('the queue', () => {
  it('takes streams in turns', async () => {
    const { receiver, held } = await start({ creditsPerStream: 16 });
    const busy = client(receiver, 'busy');
    await sendMany(busy, 12);
    const calm = client(receiver, 'calm');
    await sendMany(calm, 1);
    await eventually(() => expect(receiver.status().queue).toMatchObject({ waiting: 11, decoding: 2 }));
    for (let decoded = 0; decoded < 13; decoded++) {
      await eventually(() => expect(held.length).toBeGreaterThan(decoded));
      held[decoded]!.finish();
    }
    await Promise.all([busy.link.idle(), calm.link.idle()]);
    // As a rule the next or the one after it; but turns are by compute time, and its preview may have met a hiccup.
    expect(names(held).indexOf('calm/0')).toBeLessThan(8);
  });

  it('refuses what would take more memory than it may, with a message', async () => {
    const bytes = 96 * 8;
    const { receiver, held } = await start({ maxQueueBytes: 2 * bytes });
    const camera = client(receiver);
    await sendMany(camera, 3);
    await eventually(() => expect(camera.drops).toMatchObject([{ frame: 2, reason: 'queue-full' }]));
    expect(camera.drops[0]!.detail).toContain('maxQueueBytes');
    expect(receiver.status().queue.bytes).toBe(2 * bytes);
    await eventually(() => expect(held).toHaveLength(2));
    held[0]!.finish();
    held[1]!.finish();
    await camera.link.idle();
    await camera.link.send(frameOf('cam-1', 3));
    await eventually(() => expect(held).toHaveLength(3));
    held[2]!.finish();
    await camera.link.idle();
    expect(camera.results).toHaveLength(3);
  });

  it('lets go of a stream that says bye', async () => {
    const { receiver, held } = await start();
    const gone = client(receiver, 'gone');
    await sendMany(gone, 4);
    await eventually(() => expect(held).toHaveLength(2));
    await gone.link.close();
    await eventually(() => expect(receiver.status().queue).toMatchObject({ waiting: 0, decoding: 0, bytes: 0 }));
    expect(held.map(({ context }) => context.signal.aborted)).toEqual([true, true]);
    expect(receiver.status().streams.known).toBe(0);
    expect(await metric(receiver.httpUrl, 'semcast_dropped_frames_total{reason="cancelled"}')).toBe(4);
  });
});

describe('a deadline', () => {
  it('ends frames that wait and frames that are decoded, and only those', async () => {
    const { receiver, held } = await start();
    const camera = client(receiver);
    await camera.link.send(frameOf('cam-1', 0, { deadlineMs: 1500 }));
    await camera.link.send(frameOf('cam-1', 1));
    await eventually(() => expect(names(held)).toEqual(['cam-1/0', 'cam-1/1']));
    await camera.link.send(frameOf('cam-1', 2, { deadlineMs: 500 }));
    await camera.link.send(frameOf('cam-1', 3, { deadlineMs: 1e12 }));
    await eventually(() => expect(camera.drops.map(({ frame }) => frame).toSorted((a, b) => a - b)).toEqual([0, 2]));
    // By the clock, or by the scheduler as soon as it is known.
    const detail = expect.stringMatching(/500 ms|deadline/) as string;
    expect(camera.drops.find(({ frame }) => frame === 2)).toMatchObject({ reason: 'deadline', detail });
    await eventually(() => expect(names(held)).toEqual(['cam-1/0', 'cam-1/1', 'cam-1/3']));
    held[1]!.finish();
    held[2]!.finish();
    await camera.link.idle();
    expect(camera.results.map(({ head }) => head.frame)).toEqual([1, 3]);
    expect(await metric(receiver.httpUrl, 'semcast_dropped_frames_total{reason="deadline"}')).toBe(2);
  });
});

describe('a frame that takes the place of others', () => {
  it('ends those of its stream with lower numbers, those that wait and those that are refined', async () => {
    const { receiver, held } = await start();
    const camera = client(receiver);
    const other = client(receiver, 'cam-2');
    await other.link.send(frameOf('cam-2', 0));
    await camera.link.send(frameOf('cam-1', 0));
    await eventually(() => expect(names(held)).toEqual(['cam-2/0', 'cam-1/0']));
    await camera.link.send(frameOf('cam-1', 1));
    await camera.link.send(frameOf('cam-1', 2, { supersedes: true }));
    await eventually(() => expect(camera.drops.length).toBe(2));
    expect(
      camera.drops.map(({ frame, reason }) => [frame, reason]).toSorted(([a], [b]) => Number(a) - Number(b)),
    ).toEqual([
      [0, 'superseded'],
      [1, 'superseded'],
    ]);
    expect(camera.drops[0]!.detail).toBe('frame 2 of the stream took its place');
    await eventually(() => expect(names(held)).toEqual(['cam-2/0', 'cam-1/0', 'cam-1/2']));
    held[0]!.finish();
    held[2]!.finish();
    await Promise.all([camera.link.idle(), other.link.idle()]);
    expect(camera.results.map(({ head }) => head.frame)).toEqual([2]);
    expect(await metric(receiver.httpUrl, 'semcast_dropped_frames_total{reason="superseded"}')).toBe(2);
  });
});

describe('a lost link', () => {
  it('loses no frame and doubles no result: each is decoded once, and its outcome waits', async () => {
    const { receiver, held } = await start();
    const first = await open(receiver.wsUrl, { decoder: 'held', run: 'run-1' });
    for (let frame = 0; frame < 3; frame++) {
      const { head, payload } = frameOf('cam-1', frame);
      first.link.send('frame', head, payload);
    }
    await eventually(() => expect(held).toHaveLength(2));
    first.link.close(4000);
    await first.ended;
    await eventually(() => expect(receiver.status().sessions).toBe(0));
    held[0]!.finish();
    await eventually(() => expect(receiver.status().streams.unacknowledged).toBe(1));

    const again = await open(receiver.wsUrl, { decoder: 'held', run: 'run-1' });
    const frames = (): number[] =>
      again.messages.flatMap((message) =>
        message.kind === 'result' && message.head.stage === 'final' ? [message.head.frame] : [],
      );
    // The finished one last: its outcome comes back when the others have been seen, too.
    for (const frame of [1, 2, 0]) {
      const { head, payload } = frameOf('cam-1', frame);
      again.link.send('frame', head, payload);
    }
    await eventually(() => expect(frames()).toEqual([0]));
    expect(held).toHaveLength(3);
    held[1]!.finish();
    held[2]!.finish();
    await eventually(() => expect(frames().toSorted((a, b) => a - b)).toEqual([0, 1, 2]));
    expect(names(held)).toEqual(['cam-1/0', 'cam-1/1', 'cam-1/2']);
    for (let frame = 0; frame < 3; frame++) {
      again.link.send('ack', { stream: 'cam-1', frame });
    }
    await eventually(() => expect(receiver.status().streams.unacknowledged).toBe(0));
    again.link.close();
  });

  it('is forgotten after a while, with its frames', async () => {
    const { receiver, held } = await start({ streamIdleTtlMs: 50 });
    const { link, ended } = await open(receiver.wsUrl, { decoder: 'held' });
    const { head, payload } = frameOf('cam-1', 0);
    link.send('frame', head, payload);
    await eventually(() => expect(held).toHaveLength(1));
    link.close();
    await ended;
    await eventually(() => expect(held[0]!.context.signal.aborted).toBe(true));
    await eventually(() => expect(receiver.status()).toMatchObject({ streams: { known: 0 }, queue: { decoding: 0 } }));
  });

  it('gives its place to a newcomer when there is no other', async () => {
    const { receiver } = await start({ maxStreams: 2, maxQueue: 2 });
    const left = await open(receiver.wsUrl, { stream: 'left', decoder: 'held' });
    left.link.close();
    await left.ended;
    await eventually(() => expect(receiver.status().sessions).toBe(0));
    const stays = await open(receiver.wsUrl, { stream: 'stays', decoder: 'held' });
    const fresh = await open(receiver.wsUrl, { stream: 'fresh', decoder: 'held' });
    await eventually(() => expect(receiver.status().streams.known).toBe(2));
    await expect(open(receiver.wsUrl, { stream: 'refused', decoder: 'held' })).rejects.toMatchObject({
      closeCode: 4429,
      code: 'E_TOO_MANY_SESSIONS',
    });
    expect([stays.link.isOpen, fresh.link.isOpen]).toEqual([true, true]);
    stays.link.close();
    fresh.link.close();
  });
});

describe('a decoder', () => {
  it('shows pictures on the way, all of them before the final one', async () => {
    const { receiver, held } = await start();
    const camera = client(receiver);
    await camera.link.send(frameOf('cam-1', 0));
    await eventually(() => expect(held).toHaveLength(1));
    const [decode] = held;
    await eventually(() => expect(camera.partials).toHaveLength(1));
    const better = makePicture(8, 8, 21);
    decode!.context.onPartial({ stage: 'intermediate', image: better, steps: 2 });
    decode!.finish({
      image: makePicture(8, 8, 22),
      steps: 4,
      reducedSteps: true,
      evaluations: 9,
      samplingMs: 0.5,
    });
    await camera.link.idle();
    expect(camera.partials.map(({ head }) => [head.stage, head.steps])).toEqual([
      ['preview', 0],
      ['intermediate', 2],
    ]);
    // The one-shot decode, which with this bundle is the picture.
    expect(camera.partials[0]!.payload).toEqual(makePicture(8, 8, 1).data);
    expect(camera.partials[1]!.payload).toEqual(better.data);
    const { head } = camera.results[0]!;
    expect(head).toMatchObject({ stage: 'final', steps: 4, reducedSteps: true, evaluations: 9 });
    expect(head.timingsMs).toMatchObject({ sampling: 0.5 });
    expect(head.timingsMs.preview).toBeLessThan(head.timingsMs.decode);
  });

  it('does not overtake itself: a picture on the way that takes long to write still comes first', async () => {
    const { receiver, held } = await start();
    const camera = client(receiver, 'cam-1', { result: { format: 'png' } });
    await camera.link.send(frameOf('cam-1', 0));
    await eventually(() => expect(held).toHaveLength(1));
    await eventually(() => expect(camera.partials).toHaveLength(1));
    const { onPartial } = held[0]!.context;
    onPartial({ stage: 'intermediate', image: makePicture(1024, 1024), steps: 1 });
    // One at a time: this one would have to be kept until the other is written, and is left out.
    onPartial({ stage: 'intermediate', image: makePicture(8, 8), steps: 2 });
    held[0]!.finish();
    await camera.link.idle();
    expect(camera.partials.map(({ head }) => head.steps)).toEqual([0, 1]);
  });

  it('that fails costs its frame, not the receiver', async () => {
    const { receiver, held } = await start();
    const camera = client(receiver);
    await camera.link.send(frameOf('cam-1', 0));
    await eventually(() => expect(held).toHaveLength(1));
    held[0]!.fail(new Error('the network is down'));
    await camera.link.idle();
    expect(camera.drops).toMatchObject([{ reason: 'decode-failed', detail: 'the network is down' }]);
    await camera.link.send(frameOf('cam-1', 1));
    await eventually(() => expect(held).toHaveLength(2));
    held[1]!.finish();
    await camera.link.idle();
    expect(camera.results).toHaveLength(1);
  });

  it('gets options that its schema has checked', async () => {
    const { receiver, held } = await start();
    const camera = client(receiver);
    await camera.link.send(frameOf('cam-1', 0, { decoderOptions: { strength: -1 } }));
    await camera.link.idle();
    expect(camera.drops).toMatchObject([
      { reason: 'invalid-frame', detail: expect.stringContaining('strength') as string },
    ]);
    expect(held).toHaveLength(0);
  });
});

describe('closing', () => {
  it('tells clients to try again, and drops nothing: a receiver that comes back gets the frames', async () => {
    const { receiver, held } = await start();
    const camera = client(receiver);
    const closed: number[] = [];
    await sendMany(camera, 3);
    await eventually(() => expect(held).toHaveLength(2));
    camera.link.on('state', (state) => {
      if (state.name === 'waiting') {
        closed.push(state.error.closeCode);
      }
    });
    const { port } = new URL(receiver.httpUrl);
    await receiver.close();
    await eventually(() => expect(closed[0]).toBe(4503));
    expect(camera.drops).toEqual([]);
    expect(held.every(({ context }) => context.signal.aborted)).toBe(true);
    const second = await start({ port: Number(port) });
    for (let decoded = 0; decoded < 3; decoded++) {
      await eventually(() => expect(second.held.length).toBeGreaterThan(decoded));
      second.held[decoded]!.finish();
    }
    await camera.link.idle();
    expect(camera.results.map(({ head }) => head.frame)).toEqual([0, 1, 2]);
  });

  it('lets frames that have begun come to their end first, for drainMs; the others are for another receiver', async () => {
    const { receiver, held } = await start({ drainMs: 600_000 });
    const camera = client(receiver);
    await sendMany(camera, 3);
    await eventually(() => expect(held).toHaveLength(2));
    const { port } = new URL(receiver.httpUrl);
    const closing = receiver.close();
    await expect(fetch(`${receiver.httpUrl}/readyz`)).resolves.toMatchObject({ status: 503 });
    held[0]!.finish();
    held[1]!.finish();
    await closing;
    // The third had not begun, whose place was free then.
    expect(held).toHaveLength(2);
    await eventually(() => expect(camera.results.map(({ head }) => head.frame)).toEqual([0, 1]));
    expect([camera.drops, camera.link.unresolved]).toEqual([[], 1]);
    const second = await start({ port: Number(port) });
    await eventually(() => expect(names(second.held)).toEqual(['cam-1/2']));
    second.held[0]!.finish();
    await camera.link.idle();
    expect(camera.results.map(({ head }) => head.frame)).toEqual([0, 1, 2]);
  });

  it('waits no longer than drainMs', async () => {
    const { receiver, held } = await start({ drainMs: 50 });
    const camera = client(receiver);
    await sendMany(camera, 1);
    await eventually(() => expect(held).toHaveLength(1));
    await receiver.close();
    expect(held[0]!.context.signal.aborted).toBe(true);
    expect([camera.drops, camera.results]).toEqual([[], []]);
  });
});
