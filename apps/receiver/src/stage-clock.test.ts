import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StageClock } from './stage-clock.js';

describe('StageClock', () => {
  it('takes the time of each stage, of failing ones too, and tells it apart', async () => {
    const observed: [string, number][] = [];
    const clock = new StageClock({
      frameLatency: { observe: ({ stage }, seconds) => observed.push([stage, seconds]) },
    });
    expect(await clock.time('queue', () => sleep(20, 'a place'))).toBe('a place');
    await clock.time('decode', async () => {
      await sleep(20);
      clock.markPreview();
      clock.markPreview();
      await sleep(30);
    });
    await expect(
      clock.time('residual', () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await sleep(10);
    const { queue, preview, decode, total } = clock.timingsMs();
    // Timers may fire up to a millisecond early.
    expect(queue).toBeGreaterThan(18);
    expect(preview).toBeGreaterThan(18);
    expect(decode).toBeGreaterThan(preview + 28);
    expect(total).toBeGreaterThan(queue + decode + 8);
    expect(observed.map(([stage]) => stage)).toEqual(['queue', 'decode', 'residual']);
    expect(observed[0]![1]).toBeCloseTo(queue / 1000, 6);
  });

  it('tells so far while the decode is going on, and takes the decode for the preview where there was none', async () => {
    const clock = new StageClock({ frameLatency: { observe: () => {} } });
    await clock.time('decode', async () => {
      await sleep(10);
      expect(clock.timingsMs().decode).toBeGreaterThan(8);
      await sleep(10);
    });
    const { preview, decode } = clock.timingsMs();
    expect(decode).toBeGreaterThan(18);
    expect(preview).toBe(decode);
  });
});
