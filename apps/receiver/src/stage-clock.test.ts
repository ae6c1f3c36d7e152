import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StageClock } from './stage-clock.js';

const mute = { frameLatency: { observe: () => {} } };

describe('StageClock', () => {
  it('takes the time of each stage, of failing ones too, and tells it apart', async () => {
    const observed: [string, number | null][] = [];
    const clock = new StageClock({
      frameLatency: { observe: ({ stage }, seconds) => observed.push([stage, seconds]) },
    });
    await sleep(20);
    clock.markStart();
    expect(clock.timeNow('demodulate', () => 'a latent')).toBe('a latent');
    await sleep(20);
    clock.markPreview();
    await sleep(30);
    clock.markDecoded(7);
    expect(await clock.time('encode-image', () => sleep(20, 'a picture'))).toBe('a picture');
    await expect(
      clock.time('residual', async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    clock.markDeparted();
    const { queue, preview, sampling, decode, deliver, total } = clock.timingsMs();
    await sleep(5);
    // From arrival to departure: nothing is left out, nothing counted twice, and nothing comes after.
    expect(queue + decode + deliver!).toBeCloseTo(total, 6);
    expect(clock.timingsMs().total).toBe(total);
    // Timers may fire up to a millisecond early.
    expect(queue).toBeGreaterThan(18);
    expect(preview).toBeGreaterThan(18);
    expect(decode).toBeGreaterThan(preview + 28);
    expect(sampling).toBe(7);
    expect(deliver).toBeGreaterThan(18);
    const stages = ['queue', 'demodulate', 'preview', 'decode', 'sampling', 'encode-image', 'residual', 'deliver'];
    expect(observed.map(([stage]) => stage)).toEqual(stages);
    expect(observed[0]![1]).toBeCloseTo(queue / 1000, 6);
  });

  it('tells so far while the decode is going on, and nothing of sampling where there is none', async () => {
    const clock = new StageClock(mute);
    expect(clock.timingsMs()).toMatchObject({ queue: 0, preview: 0, decode: 0 });
    clock.markStart();
    await sleep(10);
    clock.markPreview();
    expect(clock.timingsMs().decode).toBeGreaterThan(8);
    await sleep(10);
    clock.markDecoded();
    const timings = clock.timingsMs();
    expect(timings.decode).toBeGreaterThan(timings.preview + 8);
    expect(timings).not.toHaveProperty('sampling');
    expect(timings).not.toHaveProperty('deliver');
  });
});
