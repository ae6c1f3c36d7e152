import { tensor, type Tensor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { createToy } from '../test/gaussian-toy.js';
import { runSampler, type Networks } from '../test/run-sampler.js';
import { combine, noiseLike, rms } from './images.js';
import {
  configureSampler,
  measurementResidual,
  samplerNames,
  samplerRandom,
  symbolCount,
  type SamplerContext,
} from './index.js';
import { intoResidualBand } from './residual-band.js';

const toy = createToy({ height: 8, width: 8 });
const { observation } = toy;
const random = () => samplerRandom({ seed: 1, stream: 'band', frame: 0 });
const context = (change: Partial<SamplerContext> = {}): SamplerContext => ({
  observation,
  decoderRmse: 10,
  random: random(),
  clip: null,
  ...change,
});

/** A channel that passes the picture itself: ‖y - A(x)‖ = ‖x‖, so that every answer is known. */
const plain: Networks = {
  encoderVjp: ({ x }) => {
    const norm = rms(x) * Math.sqrt(x.data.length);
    return { z: observation.y, gradient: combine(1 / norm, x, 0, x), measurementNorm: norm };
  },
};
/** A picture of this residual, under `plain`. */
function pictureOf(residual: number): Tensor {
  const x = noiseLike(observation.xJ, random());
  const norm = Math.sqrt(residual * symbolCount(observation) * observation.noiseVariance);
  return combine(norm / (rms(x) * Math.sqrt(x.data.length)), x, 0, x);
}
const residualOf = (x: Tensor) => measurementResidual(rms(x) * Math.sqrt(x.data.length), observation);
const bring = async (x: Tensor, band: number, change: Partial<SamplerContext> = {}) =>
  (await runSampler(intoResidualBand({ picture: x }, band, context(change), 4), plain)).picture;

describe('intoResidualBand', () => {
  it.each([
    [0.4, 0.8, 0.8],
    [0.1, 1, 1],
    [3, 0.8, 1.25],
    [1.3, 1, 1],
  ])('brings a residual of %d into the band of %d: %d', async (residual, band, wanted) => {
    expect(residualOf(pictureOf(residual))).toBeCloseTo(residual, 5);
    expect(residualOf(await bring(pictureOf(residual), band))).toBeCloseTo(wanted, 5);
  });

  it('leaves a picture within the band as it is', async () => {
    for (const residual of [0.81, 1, 1.24]) {
      expect((await bring(pictureOf(residual), 0.8)).data).toEqual(pictureOf(residual).data);
    }
  });

  it('moves it no further than a one-shot decode errs, and clips it', async () => {
    const x = pictureOf(3);
    const moved = combine(1, await bring(x, 1, { decoderRmse: 1e-3 }), -1, x);
    expect(rms(moved)).toBeCloseTo(1e-3, 6);
    const { data } = await bring(pictureOf(30), 1, { clip: [-0.1, 0.2] });
    expect([Math.min(...data), Math.max(...data)].map((v) => v.toFixed(4))).toEqual(['-0.1000', '0.2000']);
  });

  it('leaves a picture that is received as nothing whatever it is', async () => {
    const nothing = tensor(new Float32Array(observation.xJ.data.length), observation.xJ.dims);
    const faded: Networks = { encoderVjp: () => ({ z: observation.y, gradient: nothing, measurementNorm: 5 }) };
    const x = pictureOf(2);
    const { picture } = await runSampler(intoResidualBand({ picture: x }, 0.9, context(), 4), faded);
    expect(picture.data).toEqual(x.data);
  });
});

describe('a result with a channel of its own', () => {
  it('is brought into the band of that channel, which stays with it', async () => {
    const channel = { gain: null, noiseVariance: 4 * observation.noiseVariance };
    const seen: number[] = [];
    const networks: Networks = {
      encoderVjp: (evaluation) => {
        seen.push(evaluation.observation.noiseVariance);
        return plain.encoderVjp!(evaluation);
      },
    };
    const run = intoResidualBand({ picture: pictureOf(3), channel }, 1, context(), 4);
    const result = await runSampler(run, networks);
    // Noise of four times the variance explains a residual of 3 as one of 3/4.
    expect(residualOf(result.picture)).toBeCloseTo(4, 5);
    expect(result.channel).toBe(channel);
    expect(seen).toEqual([channel.noiseVariance]);
  });
});

describe('residualBand', () => {
  it.each(samplerNames)('of %s: its result is explained by the noise, no less and no more', async (name) => {
    const run = configureSampler(name, { residualBand: 0.9 }).start(context({ decoderRmse: toy.decoderRmse }));
    const { measurementNorm } = await toy.networks.encoderVjp({
      graph: 'encoderVjp',
      x: (await runSampler(run, toy.networks)).picture,
      observation,
    });
    const residual = measurementResidual(measurementNorm, observation);
    // One step is exact as far as the encoder is isotropic.
    expect(residual).toBeGreaterThan(0.8);
    expect(residual).toBeLessThan(1.25);
  });

  it('costs one evaluation of the gradient, and nothing at 0', () => {
    expect(configureSampler('conditional', { guidanceScale: 1 }).evaluations).toEqual({ denoiser: 4, encoderVjp: 1 });
    expect(configureSampler('conditional', { guidanceScale: 1, residualBand: 0 }).evaluations).toEqual({ denoiser: 4 });
    const { encoderVjp } = configureSampler('diffpir', { residualBand: 0, steps: 4 }).evaluations;
    expect(configureSampler('diffpir', { steps: 4 }).evaluations.encoderVjp).toBe(encoderVjp! + 1);
  });
});
