import { describe, expect, it } from 'vitest';
import { createToy } from '../../test/gaussian-toy.js';
import { runSampler } from '../../test/run-sampler.js';
import { configureSampler, samplerRandom } from '../index.js';

const toy = createToy({ height: 2, width: 2 });

async function picture(csnrDb: number, options: Record<string, unknown>): Promise<Float32Array> {
  const run = configureSampler('conditional', options).start({
    observation: { ...toy.observation, csnrDb },
    decoderRmse: toy.decoderRmse,
    random: samplerRandom({ seed: 1, stream: 'conditional', frame: 0 }),
  });
  return (await runSampler(run, toy.networks)).picture.data;
}

describe('conditional', () => {
  it.each([
    [-3, 1 + 1.5 * 0.6],
    [0, 1 + 1.5 * 0.6],
    [2.5, 1 + 1.5 * 0.8],
    [5, 2.5],
    [12, 2.5],
  ])('at a CSNR of %d dB counts a guidance scale of 2.5 as %d', async (csnrDb, guidanceScale) => {
    const given = await picture(csnrDb, { guidanceScale: 2.5, lowSnrGuidance: 0.6 });
    const same = await picture(csnrDb, { guidanceScale, lowSnrGuidance: 1 });
    expect(given.length).toBeGreaterThan(0);
    given.forEach((value, i) => expect(value).toBeCloseTo(same[i]!, 5));
    const full = await picture(csnrDb, { guidanceScale: 2.5, lowSnrGuidance: 1 });
    const apart = Math.max(...given.map((value, i) => Math.abs(value - full[i]!)));
    expect(apart > 1e-3).toBe(csnrDb < 5);
  });

  it('leaves guidance scales up to 1 as they are', async () => {
    for (const guidanceScale of [0, 0.4, 1]) {
      const given = await picture(0, { guidanceScale, lowSnrGuidance: 0.5 });
      expect(given).toEqual(await picture(0, { guidanceScale, lowSnrGuidance: 1 }));
    }
  });
});
