import type { ResultMessage } from '@semcast/wire';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { QualitySampler } from './quality-sampler.js';

const original = { width: 2, height: 2, data: new Uint8Array(12).fill(100) };

/** A raw picture that came back, all of one value. */
function result(value: number, side = 2): ResultMessage {
  return {
    kind: 'result',
    head: {
      stream: 's',
      frame: 0,
      stage: 'final',
      decoder: 'jscc',
      image: { format: 'raw', width: side, height: side },
      steps: 0,
      csnrDb: { estimated: null },
      residual: null,
      timingsMs: { queue: 0, preview: 0, decode: 0, total: 0 },
    },
    payload: new Uint8Array(3 * side * side).fill(value),
  };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the sample of the quality', () => {
  it('is a few pictures a second, one at a time', async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const sampler = new QualitySampler();
    expect([sampler.means().psnrDb, sampler.samples]).toEqual([null, 0]);
    for (now = 0; now < 2000; now++) {
      sampler.offer(original, result(110));
      sampler.offer(original, result(0));
      await sampler.settled();
    }
    expect(sampler.samples).toBe(8);
    // 10 off everywhere, and never the second one of a moment.
    expect(sampler.means().psnrDb).toBeCloseTo(20 * Math.log10(255 / 10), 10);
    // Too small for them.
    expect(sampler.means()).toMatchObject({ ssim: null, contrast: null });
  });

  it('takes a fiftieth of the time at most', async () => {
    let now = 0;
    // Whoever looks at this clock finds that 500 ms have passed since the last look.
    vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 500;
      return now;
    });
    const sampler = new QualitySampler();
    for (let i = 0; i < 400; i++) {
      sampler.offer(original, result(110));
      await sampler.settled();
    }
    // A measurement takes 500 ms or more here, so there is one in 25 s at most.
    expect(sampler.samples).toBeGreaterThan(2);
    expect(sampler.samples).toBeLessThanOrEqual(Math.ceil(now / 25_000));
  });

  it('counts what is no picture of that size', async () => {
    const sampler = new QualitySampler();
    sampler.offer(original, result(110, 3));
    await sampler.settled();
    expect([sampler.means().psnrDb, sampler.samples, sampler.unreadable]).toEqual([null, 0, 1]);
  });
});
