import { describe, expect, it } from 'vitest';
import { correlation, estimateMean, kolmogorovStatistic, KOLMOGOROV_LIMIT } from '../../test/statistics.js';
import { createSnrSchedule, gaussianTail, parseChannelConfig, type SnrScheduleConfigInput } from '../index.js';
import { reflect, walkAt } from './random-walk.js';

const where = { seed: 1, stream: 'cam' };

function scheduleOf(snr: SnrScheduleConfigInput) {
  const snrAt = createSnrSchedule(parseChannelConfig({ snr }).snr);
  return (frame: number) => snrAt(frame, where);
}

describe('constant', () => {
  it('is constant, 10 dB by default', () => {
    const at = scheduleOf({ name: 'constant' });
    expect([at(0), at(1e9)]).toEqual([10, 10]);
    expect(scheduleOf({ name: 'constant', snrDb: -3.5 })(7)).toBe(-3.5);
  });
});

describe('linear', () => {
  const sweep = { name: 'linear', fromDb: 20, toDb: 0, frames: 5 } as const;

  it('goes from one end to the other in equal steps, both ends met exactly, and holds', () => {
    const at = scheduleOf(sweep);
    expect([0, 1, 2, 3, 4, 5, 1e12].map(at)).toEqual([20, 15, 10, 5, 0, 0, 0]);
    const odd = scheduleOf({ ...sweep, fromDb: 0.1, toDb: 0.7, frames: 4 });
    expect([odd(0), odd(3)]).toEqual([0.1, 0.7]);
  });

  it('starts again, or comes back with each end once', () => {
    expect([0, 4, 5, 9, 10].map(scheduleOf({ ...sweep, atEnd: 'repeat' }))).toEqual([20, 0, 20, 0, 20]);
    const back = scheduleOf({ ...sweep, atEnd: 'return' });
    expect(Array.from({ length: 10 }, (_, k) => back(k))).toEqual([20, 15, 10, 5, 0, 5, 10, 15, 20, 15]);
    expect(scheduleOf({ ...sweep, frames: 2, atEnd: 'return' })(3)).toBe(0);
  });

  it('refuses a sweep of one frame', () => {
    expect(() => scheduleOf({ ...sweep, frames: 1 })).toThrow(/snr.frames/);
  });
});

describe('sine', () => {
  it('swings about its mean', () => {
    const at = scheduleOf({ name: 'sine', meanDb: 8, amplitudeDb: 4, periodFrames: 40 });
    expect(at(0)).toBe(8);
    expect(at(10)).toBeCloseTo(12, 12);
    expect(at(20)).toBeCloseTo(8, 12);
    expect(at(30)).toBeCloseTo(4, 12);
    const shifted = scheduleOf({ name: 'sine', meanDb: 8, amplitudeDb: 4, periodFrames: 40, phaseRad: Math.PI / 2 });
    expect(shifted(0)).toBeCloseTo(12, 12);
  });

  it('keeps its phase for ever', () => {
    const at = scheduleOf({ name: 'sine', periodFrames: 100 });
    expect(at(9_007_199_254_740_000 + 25)).toBe(at(25 + 9_007_199_254_740_000 - 100 * 2 ** 40));
    expect(at(9_007_199_254_740_000)).toBe(at(9_007_199_254_740_000 % 100));
  });

  it('refuses a swing beyond what a channel can make', () => {
    expect(() => scheduleOf({ name: 'sine', meanDb: 60, amplitudeDb: 50 })).toThrow(/swing must stay within/);
    expect(() => scheduleOf({ name: 'sine', meanDb: -20, amplitudeDb: 31 })).toThrow(/swing must stay within/);
    expect(scheduleOf({ name: 'sine', meanDb: 50, amplitudeDb: 50 })(25)).toBeLessThanOrEqual(100);
  });
});

describe('random-walk', () => {
  it('takes independent standard normal steps', () => {
    const n = 8192;
    const walk = Float64Array.from({ length: n + 1 }, (_, k) => walkAt(k, where));
    expect(walk[0]).toBe(0);
    const steps = Float64Array.from({ length: n }, (_, k) => walk[k + 1]! - walk[k]!);
    expect(kolmogorovStatistic(steps, (x) => gaussianTail(-x))).toBeLessThan(KOLMOGOROV_LIMIT);
    const squares = estimateMean(steps.map((x) => x * x));
    expect(Math.abs(squares.mean - 1)).toBeLessThan(5 * squares.standardError);
    for (const lag of [1, 2, 3, 4, 8, 64]) {
      expect(Math.abs(correlation(steps.subarray(lag), steps.subarray(0, -lag)))).toBeLessThan(5 / Math.sqrt(n));
    }
  });

  it('is as far as a walk gets: W(k) has variance k over streams, and covariance min(j, k)', () => {
    const streams = 2000;
    const at = (k: number) => Float64Array.from({ length: streams }, (_, s) => walkAt(k, { seed: 3, stream: `s${s}` }));
    for (const k of [1, 2, 3, 7, 100, 1000, 65_537]) {
      const squares = estimateMean(at(k).map((x) => (x * x) / k));
      expect(Math.abs(squares.mean - 1)).toBeLessThan(5 * squares.standardError);
    }
    const later = at(700);
    const products = at(300).map((x, s) => (x * later[s]!) / 300);
    const covariance = estimateMean(products);
    expect(Math.abs(covariance.mean - 1)).toBeLessThan(5 * covariance.standardError);
  });

  it('differs from stream to stream and seed to seed', () => {
    expect(walkAt(50, where)).not.toBe(walkAt(50, { ...where, stream: 'b' }));
    expect(walkAt(50, where)).not.toBe(walkAt(50, { ...where, seed: 2 }));
  });

  it('starts at the start, stays within its limits and visits all of what lies between', () => {
    const at = scheduleOf({ name: 'random-walk', startDb: 12, stepDb: 2, minDb: 5, maxDb: 15 });
    const path = Float64Array.from({ length: 5000 }, (_, k) => at(k));
    expect(path[0]).toBe(12);
    expect(path.every((snr) => snr >= 5 && snr <= 15)).toBe(true);
    for (let low = 5; low < 15; low += 2) {
      const visits = path.filter((snr) => snr >= low && snr < low + 2).length;
      expect(visits).toBeGreaterThan(5000 / 5 / 2);
    }
    expect(scheduleOf({ name: 'random-walk', stepDb: 0, startDb: 3 })(99)).toBe(3);
  });

  it('reflects like a mirror', () => {
    expect([0, 3, 10, 12, 20, 23, -3, -13, 43].map((value) => reflect(value, 0, 10))).toEqual([
      0, 3, 10, 8, 0, 3, 3, 7, 3,
    ]);
    expect(reflect(-1, 2, 4)).toBe(3);
  });

  it('refuses limits the wrong way round, and a start outside them', () => {
    expect(() => scheduleOf({ name: 'random-walk', minDb: 5, maxDb: 5, startDb: 5 })).toThrow(/must be above minDb/);
    expect(() => scheduleOf({ name: 'random-walk', startDb: 21 })).toThrow(/must lie between/);
  });
});

describe('trace', () => {
  const csv = 'frame,snr_db\n2,10\n5,4\n6,-1.5\n';

  it('holds each row until the next, the first also before it and the last for ever', () => {
    const at = scheduleOf({ name: 'trace', csv });
    expect([0, 1, 2, 4, 5, 6, 7, 1e15].map(at)).toEqual([10, 10, 10, 10, 4, -1.5, -1.5, -1.5]);
  });

  it('loops one frame after its last row', () => {
    const at = scheduleOf({ name: 'trace', csv, loop: true });
    expect([6, 7, 9, 12, 13, 14].map(at)).toEqual([-1.5, 10, 10, 4, -1.5, 10]);
  });

  it('names the line that is wrong when a configuration is checked', () => {
    expect(() => scheduleOf({ name: 'trace', csv: 'snr_db\n1\nx\n' })).toThrow(/line 3 of the trace: "x" is no SNR/);
    expect(() => parseChannelConfig({ snr: { name: 'trace' } })).toThrow(/snr.csv/);
  });
});
