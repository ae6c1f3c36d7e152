import { randomFor } from '@semcast/core';
import { createModem } from '@semcast/phy';
import { createLogger, createMetrics } from '@semcast/service';
import { describe, expect, it, vi } from 'vitest';
import type { ResultFacts } from './deliver-result.js';
import type { DemodulatedFrame } from './demodulate-frame.js';
import { ReceiverLive, scopeOf } from './live.js';

const SAMPLES = 4096;

function observe(h: Float32Array | null, noiseVariance: number | null): DemodulatedFrame {
  const y = new Float32Array(2 * SAMPLES);
  randomFor({ seed: 1, stream: 'test', frame: 0, purpose: 'samples' }).fillNormal(y, Math.SQRT1_2);
  const source = noiseVariance === null ? 'assumed' : 'told';
  const symbols = { y, h, noiseVariance: new Float64Array(SAMPLES).fill(noiseVariance ?? 1), source };
  const csnrDb = noiseVariance === null ? { estimated: 7 } : { effective: 7, estimated: null };
  return { symbols, csnrDb, modem: createModem('single-carrier') } as unknown as DemodulatedFrame;
}

/** Real gains, each for a block of the frame. */
const blocks = (values: readonly number[]): Float32Array =>
  new Float32Array(2 * SAMPLES).map((_, i) =>
    i % 2 === 0 ? values[Math.floor((i * values.length) / 2 / SAMPLES)]! : 0,
  );

describe('the scope', () => {
  it('shows a sample of the symbols, spread over the frame', () => {
    const { received, equalised, gainDb, samples } = scopeOf(observe(null, 0.1));
    expect([received.length, samples]).toEqual([800, SAMPLES]);
    expect(equalised).toEqual(received);
    expect(gainDb).toBeNull();
  });

  it('undoes the gains as the receiver does', () => {
    const observation = observe(blocks([2, 0.5]), 1e-9);
    const { received, equalised, gainDb } = scopeOf(observation);
    expect(gainDb!.slice(0, 128)).toEqual(Array.from({ length: 128 }, () => 6.02));
    expect(gainDb!.slice(128)).toEqual(Array.from({ length: 128 }, () => -6.02));
    for (const [i, value] of equalised!.entries()) {
      // Without noise worth mentioning, the equaliser divides by the gain.
      expect(value).toBeCloseTo(received[i]! / (i < 400 ? 2 : 0.5), 2);
    }
  });

  it('has the mean gain of each carrier, by frequency', () => {
    const modem = createModem('ofdm', { fftSize: 8, prefix: 0, guard: 1, taps: 1 });
    const { carriers } = modem.tapModel(SAMPLES);
    // Carriers 1, 2 and 3, and what is sent there after the first half, have other gains than the rest.
    const h = new Float32Array(2 * SAMPLES).map((_, i) => {
      const k = i >> 1;
      return i % 2 === 1 ? 0 : carriers[k]! >= 4 || carriers[k] === 0 ? 1 : k < SAMPLES / 2 ? 2 : 0;
    });
    const scope = scopeOf({ ...observe(h, 0.1), modem });
    expect(scope).toMatchObject({ source: 'told', gainDb: null });
    expect(scope.carriers!.frequencies).toEqual([-0.375, -0.25, -0.125, 0, 0.125, 0.25]);
    for (const [i, gain] of [0, 0, 0, 0, 3.01, 3.01].entries()) {
      expect(scope.carriers!.gainDb[i]).toBeCloseTo(gain, 1);
    }
  });

  it('shows some of many carriers, and says that they were found blindly', () => {
    const modem = createModem('ofdm', { fftSize: 1024, estimator: 'blind' });
    const { source, carriers } = scopeOf({ ...observe(blocks([1]), 0.1), modem });
    expect(source).toBe('blind');
    expect([carriers!.frequencies.length, carriers!.gainDb.length]).toEqual([256, 256]);
    expect(carriers!.frequencies.slice(0, 2)).toEqual([-0.5, -0.49609]);
  });

  it('has no equalised symbols without channel state, and a floor for a gain of zero', () => {
    expect(scopeOf(observe(null, null)).equalised).toBeNull();
    expect(scopeOf(observe(blocks([0, 1]), 0.1)).gainDb!.slice(0, 1)).toEqual([-60]);
  });
});

describe('what the receiver tells', () => {
  const facts = (steps: number, residual: number): ResultFacts => ({
    stage: 'final',
    decoder: steps === 0 ? 'jscc' : 'diffcom',
    steps,
    csnrDb: { estimated: 7 },
    residual,
    timingsMs: { queue: 0, preview: 1, decode: 2, total: 3 },
  });
  const metrics = createMetrics('receiver', { processMetrics: false });
  const start = () => new ReceiverLive({ logger: createLogger({ service: 'receiver', level: 'silent' }), metrics });
  const name = { stream: 'demo', frame: 0 };
  const kinds = (live: ReceiverLive) => live.feed.read(0).items.map(({ fact }) => fact.kind);

  it('shows symbols as they arrive while somebody watches, ten times a second at most, and keeps the newest', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const live = start();
      const demodulate = vi.fn<() => DemodulatedFrame>(() => observe(null, 0.1));
      live.tellReceived(name, demodulate);
      expect(demodulate).not.toHaveBeenCalled();
      expect(kinds(live)).toEqual([]);
      for (let frame = 0; frame < 8; frame++) {
        live.tellReceived({ ...name, frame }, demodulate);
        vi.advanceTimersByTime(25);
      }
      expect(demodulate).toHaveBeenCalledTimes(2);
      expect(live.feed.read(0).items.map(({ fact }) => fact)).toMatchObject([{ kind: 'scope', frame: 4 }]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('counts a superseded frame, and makes no event of what its sender asked for', async () => {
    const live = start();
    live.tellDropped(name, 'superseded', 'frame 1 of the stream took its place');
    expect(kinds(live)).toEqual([]);
    expect(await metrics.text()).toContain('semcast_dropped_frames_total{reason="superseded"} 1');
  });

  it('tells of a dropped frame once in the log, in Prometheus, in the feed and in the event log', async () => {
    const lines: unknown[] = [];
    const write = (line: string) => void lines.push(JSON.parse(line));
    const live = new ReceiverLive({ logger: createLogger({ service: 'receiver', destination: { write } }), metrics });
    live.tellDropped(name, 'deadline', 'too late');
    live.tellDropped(name, 'decode-failed', 'no picture', new Error('out of memory'));
    const dropped = { event: 'frame-dropped', ...name };
    expect(lines).toMatchObject([
      { level: 'info', ...dropped, reason: 'deadline', detail: 'too late' },
      { level: 'error', ...dropped, reason: 'decode-failed', err: { message: 'out of memory' } },
    ]);
    expect(live.feed.read(0).items.map(({ fact }) => fact)).toMatchObject([
      { kind: 'event', level: 'warn', message: 'the receiver dropped a frame: deadline', ...dropped },
      { kind: 'event', level: 'warn', message: 'the receiver dropped a frame: decode-failed', ...dropped },
    ]);
    const text = await metrics.text();
    expect(text).toContain('semcast_dropped_frames_total{reason="deadline"} 1');
    expect(text).toContain('semcast_frames_total{stage="receiver",outcome="dropped"} 3');
    expect(text).toContain('semcast_events_total{event="frame-dropped"} 2');
  });

  it('calls a sampler diverged whose picture explains nothing, and no other', () => {
    const live = start();
    live.tellCompleted({ ...name, csi: 'none' }, facts(0, 500), true);
    live.tellCompleted({ ...name, csi: 'none' }, facts(8, 1.2), true);
    expect(kinds(live)).not.toContain('event');
    live.tellCompleted({ ...name, csi: 'none' }, facts(8, 11), true);
    const told = live.feed.read(0).items.map(({ fact }) => fact);
    expect(told).toContainEqual(expect.objectContaining({ event: 'diverged', stream: 'demo', frame: 0 }));
  });

  it('judges a picture that has gone by the residual that followed it', () => {
    const live = start();
    live.tellCompleted({ ...name, csi: 'none' }, { ...facts(8, 0), residual: null }, true);
    live.tellResidual(name, { decoder: 'diffcom', steps: 8, residual: 11 });
    const told = live.feed.read(0).items.map(({ fact }) => fact);
    expect(told).toMatchObject([
      { kind: 'decoded', csi: 'none', residual: null },
      { kind: 'residual', ...name, decoder: 'diffcom', residual: 11 },
      { kind: 'event', event: 'diverged', ...name },
    ]);
  });
});
