import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { frameHeadWith, heads, resultHead } from '../test/fixtures.js';
import { Emitter } from './emitter.js';
import { decodeFrame, joinFrame, type EncodedFrame } from './frame.js';
import { InboundStreams, type Delivery, type InboundStreamsOptions, type StreamSession } from './inbound-streams.js';
import type { SessionEvents } from './link-types.js';

/** A session without a socket. */
class FakeSession extends Emitter<SessionEvents> implements StreamSession {
  readonly hello;
  readonly remoteAddress = '192.0.2.1';
  readonly sent: string[] = [];
  isOpen = true;
  bufferedBytes = 0;

  constructor(stream: string, run = 'run-1') {
    super();
    this.hello = { ...heads.hello, stream, run };
  }

  send(kind: string, head: object): void {
    this.sent.push(`${kind} ${'frame' in head ? String(head.frame) : JSON.stringify(head)}`);
  }

  sendEncoded(encoded: EncodedFrame): void {
    const { kind, head } = decodeFrame(joinFrame(encoded));
    this.send(kind, head);
  }

  close(): void {
    this.end();
  }

  receive(frame: number): void {
    const head = { ...frameHeadWith(frame, 1), stream: this.hello.stream };
    this.emit('frame', { kind: 'frame', head, payload: new Uint8Array(8) });
  }

  ack(frame: number): void {
    this.emit('ack', { stream: this.hello.stream, frame });
  }

  bye(): void {
    this.emit('bye');
  }

  end(): void {
    this.isOpen = false;
    this.emit('close', { code: 1006, reason: '', error: undefined });
  }
}

const deliveries: Delivery[] = [];
let streams: InboundStreams;

function start(options: Partial<InboundStreamsOptions> = {}): void {
  deliveries.length = 0;
  streams = new InboundStreams({ window: 2, onFrame: (delivery) => deliveries.push(delivery), ...options });
}

function attach(stream: string, run?: string): FakeSession {
  const session = new FakeSession(stream, run);
  streams.attach(session);
  return session;
}

function finish(delivery: Delivery | undefined): boolean {
  const { stream, frame } = delivery!;
  return delivery!.finish({ ...resultHead, stream, frame }, new Uint8Array(1));
}

beforeEach(() => {
  vi.useFakeTimers();
  start();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('InboundStreams', () => {
  it('hands out a frame once, and sends its outcome to the newest link', () => {
    const first = attach('a');
    first.receive(0);
    first.receive(0);
    expect(deliveries.length).toBe(1);
    const second = attach('a');
    second.receive(0);
    expect(deliveries.length).toBe(1);
    expect(finish(deliveries[0])).toBe(true);
    expect([first.sent, second.sent]).toEqual([[], ['result 0']]);
    second.receive(0);
    expect(second.sent).toEqual(['result 0', 'result 0']);
    second.ack(0);
    second.receive(0);
    expect(second.sent.length).toBe(2);
    expect([deliveries.length, streams.stored, streams.inProgress]).toEqual([1, 0, 0]);
  });

  it('keeps streams apart', () => {
    const [a, b] = [attach('a'), attach('b')];
    a.receive(0);
    b.receive(0);
    finish(deliveries[1]);
    expect([a.sent, b.sent, deliveries.map(({ stream }) => stream)]).toEqual([[], ['result 0'], ['a', 'b']]);
  });

  it('ignores the frames of a link that has been replaced, but not its acks', () => {
    const first = attach('a');
    first.receive(0);
    finish(deliveries[0]);
    attach('a');
    first.receive(1);
    first.bye();
    first.end();
    expect([deliveries.length, streams.size]).toEqual([1, 1]);
    expect(deliveries[0]!.signal.aborted).toBe(false);
    first.ack(0);
    expect(streams.stored).toBe(0);
  });

  it('remembers a stream that is gone for retainMs, and no longer', () => {
    start({ retainMs: 1000 });
    const first = attach('a');
    first.receive(0);
    first.receive(1);
    finish(deliveries[0]);
    first.end();
    vi.advanceTimersByTime(999);
    const second = attach('a');
    second.receive(0);
    expect(second.sent).toEqual(['result 0']);
    second.end();
    vi.advanceTimersByTime(999);
    expect([streams.size, deliveries[1]!.signal.aborted]).toEqual([1, false]);
    vi.advanceTimersByTime(1);
    expect([streams.size, deliveries[1]!.signal.aborted]).toEqual([0, true]);
    expect(deliveries[1]!.signal.reason).toMatchObject({ message: `stream "a" didn't come back` });
    expect(finish(deliveries[1])).toBe(false);
    const third = attach('a');
    third.receive(0);
    expect(deliveries.length).toBe(3);
  });

  it('forgets the one longest away when there are too many, and none that is connected', () => {
    start({ maxStreams: 2 });
    const [a, b] = [attach('a'), attach('b')];
    b.receive(7);
    b.end();
    a.receive(8);
    a.end();
    attach('c');
    expect(deliveries.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    attach('a');
    expect(streams.size).toBe(2);
  });

  it('starts anew with another run, and cancels the work of the old one', () => {
    const first = attach('a', 'run-1');
    first.receive(0);
    first.receive(1);
    finish(deliveries[1]);
    const second = attach('a', 'run-2');
    expect(deliveries[0]!.signal.aborted).toBe(true);
    second.receive(0);
    second.receive(1);
    expect(deliveries.length).toBe(4);
    expect(finish(deliveries[0])).toBe(false);
    finish(deliveries[2]);
    expect(second.sent).toEqual(['result 0']);
    // What the old link says late concerns the old run.
    first.ack(0);
    expect(streams.stored).toBe(1);
  });

  it('tells the links of a new window, and refuses what goes far beyond it by name', () => {
    const refused: string[] = [];
    start({ window: 1, onRefused: (...args) => refused.push(args.join(' ')) });
    const a = attach('a');
    const gone = attach('gone');
    gone.end();
    for (const frame of [0, 1, 2]) {
      a.receive(frame);
    }
    expect([a.sent, refused]).toEqual([['drop 2'], ['a 2 queue-full']]);
    streams.setWindow(3);
    expect(a.sent.at(-1)).toBe('credit {"credits":3}');
    expect(gone.sent).toEqual([]);
    a.receive(2);
    expect([deliveries.length, streams.inProgress, streams.window]).toEqual([3, 3, 3]);
  });

  it('sends previews only to a link that keeps up, and only while they are wanted', () => {
    const session = attach('a');
    session.receive(0);
    const [delivery] = deliveries;
    const preview = (): boolean => delivery!.preview({ ...resultHead, stage: 'preview' }, new Uint8Array(1));
    expect(preview()).toBe(true);
    session.bufferedBytes = 100_000_000;
    expect(preview()).toBe(false);
    session.bufferedBytes = 0;
    session.end();
    expect(preview()).toBe(false);
    const next = attach('a');
    expect(preview()).toBe(true);
    next.bye();
    expect(preview()).toBe(false);
    expect([session.sent, next.sent]).toEqual([['result 0'], ['result 0']]);
  });

  it('keeps no more bytes of outcomes than it may: the stream with most loses its oldest, which is worked on again', () => {
    start({ window: 4, maxStoredBytes: 3 * 2000 });
    const [one, two] = [attach('one'), attach('two')];
    for (const [session, frames] of [
      [one, 3],
      [two, 1],
    ] as const) {
      for (let frame = 0; frame < frames; frame++) {
        session.receive(frame);
        deliveries.at(-1)!.finish({ ...resultHead, stream: session.hello.stream, frame }, new Uint8Array(1500));
      }
    }
    expect(streams.stored).toBe(3);
    one.receive(0);
    one.receive(1);
    two.receive(0);
    expect(deliveries.map(({ stream, frame }) => `${stream} ${frame}`).slice(4)).toEqual(['one 0']);
    one.ack(1);
    one.ack(2);
    finish(deliveries[4]);
    expect(streams.stored).toBe(2);
    streams.close();
  });

  it('close() cancels all work without a word', () => {
    const session = attach('a');
    session.receive(0);
    streams.close();
    expect(deliveries[0]!.signal.aborted).toBe(true);
    expect([streams.size, session.sent]).toEqual([0, []]);
  });
});
