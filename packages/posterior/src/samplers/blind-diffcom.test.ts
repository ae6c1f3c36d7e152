import { meanPower, randomFor, tensor, type ComplexVector, type Tensor } from '@semcast/core';
import { fitTaps, gainsOfTaps, symbolsToLatent, type TapModel } from '@semcast/phy';
import { describe, expect, it } from 'vitest';
import { CORRELATED, createToy, GAIN } from '../../test/gaussian-toy.js';
import { differences, lawOf } from '../../test/law.js';
import { scale } from '../../test/matrix.js';
import { ancestralTransition, guidedLaw, lateStart } from '../../test/predicted-laws.js';
import { runSampler, type Networks } from '../../test/run-sampler.js';
import { equalisedLatent, gainsOf, meanSquareBetween, times } from '../channel.js';
import { combine } from '../images.js';
import {
  configureSampler,
  DivergenceError,
  gainOf,
  karras,
  ObservationError,
  samplerRandom,
  type Observation,
} from '../index.js';

/** Symbols of unit mean power, as a codec's are; each position has a y of its own. */
const toy = createToy({ covariance: scale(1.172, CORRELATED), noiseVariance: 0.1, drawn: true });

async function run(
  observation: Observation,
  options: Record<string, unknown>,
  networks: Networks = toy.networks,
  frame = 0,
) {
  const { picture, channel } = await runSampler(
    configureSampler('blind-diffcom', options).start({
      observation,
      decoderRmse: toy.decoderRmse,
      random: samplerRandom({ seed: 1, stream: 'blind', frame }),
      clip: null,
    }),
    networks,
  );
  return { picture, h: gainsOf({ ...observation, ...channel }) };
}

/** The observation of a receiver whose first estimate of the channel is off by a factor. */
async function mistaken(size: number, turn: number): Promise<Observation> {
  const wrong = [size * Math.cos(turn), size * Math.sin(turn)];
  const h = times(
    gainsOf(toy.observation),
    Float32Array.from({ length: 2 * toy.positions }, (_, i) => wrong[i % 2]!),
  );
  const observation = { ...toy.observation, gain: gainOf(h, toy.observation.y.dims) };
  const latent = equalisedLatent(observation);
  const { xJ } = await toy.networks.decoder({
    graph: 'decoder',
    latent,
    csnrDb: 10,
    rate: 1,
    width: 64,
    height: 64,
    keepTensor: true,
  });
  return { ...observation, xJ: xJ! };
}

describe('blind-diffcom, with the channel in closed form', () => {
  it.each([
    [1, 0.4],
    [1, -0.8],
    [1.3, 0.3],
  ])(
    'finds the channel from an estimate that is off by %d·exp(%dj), and samples as if it had been told',
    async (size, turn) => {
      const options = { steps: 20, startSigma: 0.6, sigmaMin: 0.02, guidanceScale: 1, eta: 0 };
      const { picture, h } = await run(await mistaken(size, turn), options);
      const [phase, told] = [Math.atan2(h[1]!, h[0]!), Math.atan2(GAIN.imaginary, GAIN.real)];
      expect(Math.abs(phase - told)).toBeLessThan(0.03);
      expect(Math.abs(Math.hypot(h[0]!, h[1]!) / 0.9 - 1)).toBeLessThan(0.03);
      // What is added to the mean of each position's posterior has the law that it has with the channel known.
      const offset = combine(1, toy.everywhere(toy.posterior.mean), -1, toy.observation.xJ);
      const law = lawOf(combine(1, picture, 1, offset));
      const sigmas = karras({ steps: 20, sigmaMax: 0.6, sigmaMin: 0.02 });
      const predicted = guidedLaw(toy, lateStart(toy, 0.6), sigmas, {
        transition: ancestralTransition,
        guidanceScale: 1,
      });
      expect(differences(law, predicted, toy.positions, 2e-3)).toEqual([]);
    },
  );

  it('is refused where the channel is not to be estimated', () => {
    const random = samplerRandom({ seed: 1, stream: 'blind', frame: 0 });
    const start = (observation: Observation) =>
      configureSampler('blind-diffcom').start({ observation, decoderRmse: 0.1, random });
    const { taps, ...told } = toy.observation;
    expect(() => start(told)).toThrow(ObservationError);
    expect(() => start(told)).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('estimator: blind') as string }) as Error,
    );
    expect(() => start({ ...told, taps: { ...taps!, carriers: new Uint16Array(3) } })).toThrow('3 carriers');
  });

  it.each(['closed-form', 'joint'])('says that the channel diverged: %s', async (update) => {
    const spoilt: Networks = {
      ...toy.networks,
      posteriorStep: async (evaluation) => {
        const result = await toy.networks.posteriorStep(evaluation);
        return { ...result, z: { ...result.z, data: result.z.data.map(() => NaN) } };
      },
    };
    await expect(run(toy.observation, { update }, spoilt)).rejects.toThrow(DivergenceError);
  });
});

/** Two taps on two carriers. */
const model: TapModel = { fftSize: 2, carriers: Uint16Array.of(0, 1), powers: [0.8, 0.2] };

describe('blind-diffcom, jointly as published', () => {
  /** Networks for which the picture, and what is sent of it, is always the same. */
  const fixed = (x0: Tensor, z: Tensor): Networks => ({
    denoiser: () => ({ x0 }),
    posteriorStep: () => ({ x0, gradient: x0, z, measurementNorm: 1, confirmingNorm: 1 }),
  });
  const black = (height: number, width: number) => tensor(new Float32Array(3 * height * width), [3, height, width]);

  it('samples the prior of the taps where nothing pushes them: the law of its ancestral steps', async () => {
    const start = [0.5, -0.3];
    const y = tensor(Float32Array.of(1, 0, 0, 1), [2, 1, 2]);
    const h = gainsOfTaps(Float32Array.of(start[0]!, 0, start[1]!, 0), model);
    const observation = { ...toy.observation, y, gain: gainOf(h, y.dims), xJ: black(2, 4), taps: model };
    const options = { update: 'joint', steps: 12, startSigma: 3, sigmaMin: 0.05, eta: 0, tapEta: 0, guidanceScale: 0 };
    const frames = 600;
    const taps: number[][][] = [];
    const networks = fixed(observation.xJ, y);
    for (let frame = 0; frame < frames; frame++) {
      const { h: found } = await run(observation, options, networks, frame);
      // The inverse transform of the two carriers.
      taps.push([0, 1].map((l) => [0, 1].map((part) => (found[part]! + (l === 0 ? 1 : -1) * found[2 + part]!) / 2)));
    }
    for (const [l, power] of model.powers.entries()) {
      const law = ancestralLaw(power, start[l]!, karras({ steps: 12, sigmaMax: 3, sigmaMin: 0.05 }));
      const of = (part: number) => taps.map((each) => each[l]![part]!);
      const deviation = Math.sqrt(law.variance / 2);
      for (const [part, mean] of [law.mean, 0].entries()) {
        const values = of(part);
        const average = values.reduce((sum, value) => sum + value / frames, 0);
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2 / frames, 0);
        expect(Math.abs(average - mean)).toBeLessThan((4 * deviation) / Math.sqrt(frames));
        expect(Math.abs(variance / deviation ** 2 - 1)).toBeLessThan(4 * Math.sqrt(2 / frames));
      }
    }
    // Which is CN(0, p) in the limit.
    for (const power of model.powers) {
      const { mean, variance } = ancestralLaw(power, 0.5, karras({ steps: 1000, sigmaMax: 100, sigmaMin: 0.01 }));
      expect(mean).toBeLessThan(1e-3);
      expect(Math.abs(variance / power - 1)).toBeLessThan(0.03);
    }
  });

  it('ends at the linear MMSE estimate, give or take, where the picture is known', async () => {
    const random = randomFor({ seed: 1, stream: 'blind', frame: 0, purpose: 'joint' });
    const draw = (count: number, deviation: number): ComplexVector => {
      const values = new Float32Array(2 * count);
      random.fillNormal(values, deviation * Math.SQRT1_2);
      return values;
    };
    const several: TapModel = {
      fftSize: 8,
      carriers: Uint16Array.from({ length: 64 }, (_, k) => (3 * k) % 8),
      powers: [0.6, 0.3, 0.1],
    };
    const latentOf = (symbols: ComplexVector) =>
      tensor(symbolsToLatent(symbols, { channels: 2, positions: 64, activeChannels: 2 }), [2, 8, 8]);
    const [taps, z] = [Float32Array.of(0.6, -0.5, 0.4, 0.3, -0.2, 0.1), draw(64, 1)];
    const y = times(gainsOfTaps(taps, several), z);
    random.addNormal(y, Math.sqrt(0.1 / 2));
    const observation = {
      ...toy.observation,
      y: latentOf(y),
      gain: null,
      noiseVariance: 0.1,
      xJ: black(8, 8),
      taps: several,
    };
    const networks = fixed(observation.xJ, latentOf(z));
    const best = fitTaps(y, z, 0.1, several).h;
    for (let frame = 0; frame < 5; frame++) {
      const { h } = await run(observation, { preset: 'published' }, networks, frame);
      expect(meanSquareBetween(h, best) / meanPower(best)).toBeLessThan(0.03);
    }
  });
});

/** Mean and variance of a tap of power p that starts at s + σn: each step and the last denoising are linear in it. */
function ancestralLaw(power: number, start: number, sigmas: readonly number[]) {
  const shrink = (sigma: number): number => power / (power + sigma ** 2);
  let [mean, variance] = [start, sigmas[0]! ** 2];
  for (const [i, next] of sigmas.slice(1).entries()) {
    const sigma = sigmas[i]!;
    const { keep, deviation } = ancestralTransition(sigma, next);
    const factor = keep + (1 - keep) * shrink(sigma);
    [mean, variance] = [factor * mean, factor ** 2 * variance + deviation ** 2];
  }
  const last = shrink(sigmas.at(-1)!);
  return { mean: last * mean, variance: last ** 2 * variance };
}
