import { describe, expect, it } from 'vitest';
import { createToy } from '../../test/gaussian-toy.js';
import { runSampler } from '../../test/run-sampler.js';
import { lawOf } from '../../test/law.js';
import { configureSampler, samplerRandom } from '../index.js';

const toy = createToy();

async function decode(options: Record<string, unknown>, sigmas: number[] = []) {
  const run = configureSampler('distilled', options).start({
    observation: toy.observation,
    decoderRmse: toy.decoderRmse,
    random: samplerRandom({ seed: 3, stream: 'toy', frame: 0 }),
    clip: null,
  });
  const { picture } = await runSampler(run, {
    distilled: (evaluation) => {
      expect(evaluation.conditioned).toBe(true);
      sigmas.push(evaluation.sigma);
      return toy.networks.distilled(evaluation);
    },
  });
  return picture;
}

describe('distilled', () => {
  it('is one evaluation of x_J + σn at 5.4 times the RMSE of x_J', async () => {
    const sigmas: number[] = [];
    const { mean, covariance } = lawOf(await decode({}, sigmas));
    expect(sigmas).toEqual([5.4 * toy.decoderRmse]);
    // The toy's network is the exact posterior denoiser: with S its covariance and W = S(S + σ²)⁻¹, the law is
    // N(x_J, σ²WWᵀ), whose trace is Σ (σs/(s + σ²))² over the eigenvalues s of S.
    for (const [i, value] of mean.entries()) {
      expect(Math.abs(value - toy.posterior.mean[i]!)).toBeLessThan(0.005);
    }
    const { matrix } = toy.denoiser(sigmas[0]!, true);
    const expected = matrix.flat().reduce((sum, value) => sum + (sigmas[0]! * value) ** 2, 0);
    const trace = covariance.reduce((sum, line, i) => sum + line[i]!, 0);
    expect(trace / expected).toBeGreaterThan(0.95);
    expect(trace / expected).toBeLessThan(1.05);
  });

  it('puts less noise on its own picture in later steps', async () => {
    const sigmas: number[] = [];
    await decode({ steps: 4 }, sigmas);
    expect(sigmas).toEqual([1, 2, 3, 4].map((step) => (5.4 * toy.decoderRmse) / step));
  });

  it('blends between the one-shot decode and its picture', async () => {
    const [none, half, all] = [await decode({ realism: 0 }), await decode({ realism: 0.5 }), await decode({})];
    expect(none.data).toEqual(toy.observation.xJ.data);
    const middle = all.data.map((value, i) => (value + none.data[i]!) / 2);
    half.data.forEach((value, i) => expect(Math.abs(value - middle[i]!)).toBeLessThan(1e-6));
    expect(all.data).not.toEqual(none.data);
  });
});
