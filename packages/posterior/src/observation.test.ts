import { randomFor, tensor, type Tensor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { createToy, mapPositions } from '../test/gaussian-toy.js';
import { addNoise, noiseLike } from './images.js';
import {
  checkObservation,
  gainOf,
  measurementNorm,
  measurementResidual,
  ObservationError,
  samplerRandom,
  symbolCount,
  type Observation,
} from './index.js';

const zeros = (...dims: number[]): Tensor => tensor(new Float32Array(dims.reduce((a, b) => a * b)), dims);

const observation: Observation = {
  y: zeros(8, 2, 3),
  gain: { real: zeros(4, 2, 3), imaginary: zeros(4, 2, 3) },
  activeChannels: 4,
  noiseVariance: 0.5,
  csnrDb: 3,
  designCsnrDb: 5,
  rate: 0.5,
  xJ: zeros(3, 32, 48),
};

describe('measurementResidual', () => {
  it('is what the formula says, by hand', () => {
    // 4 of 8 channels of 2 × 3 positions are 12 complex symbols; ‖…‖² = 36 over 12·0.5.
    expect(symbolCount(observation)).toBe(12);
    expect(measurementResidual(6, observation)).toBe(6);
    expect(measurementResidual(0, observation)).toBe(0);
  });

  it('is 1 for the picture that was sent, 0 for one that has swallowed the noise, and above for others', async () => {
    const toy = createToy();
    const random = randomFor({ seed: 1, stream: 'residual', frame: 0, purpose: 'noise' });
    const sent = addNoise(toy.everywhere(toy.prior.mean), 0.2, random);
    // CN(0, N0): N0/2 for each real part.
    const clean = mapPositions({ matrix: toy.measurement, offset: [0, 0] }, sent);
    const received = { ...toy.observation, y: addNoise(clean, Math.sqrt(toy.observation.noiseVariance / 2), random) };
    const residualOf = async (x: Tensor, of: Observation) =>
      measurementResidual(
        (await toy.networks.encoderVjp({ graph: 'encoderVjp', x, observation: of })).measurementNorm,
        of,
      );
    expect(Math.abs((await residualOf(sent, received)) - 1)).toBeLessThan(5 / Math.sqrt(toy.positions));
    expect(await residualOf(sent, { ...received, y: clean })).toBeLessThan(1e-9);
    // A picture that is off by e adds mean|Ge|²/N0.
    const error = noiseLike(sent, random, 0.1);
    const off = tensor(
      sent.data.map((value, i) => value + error.data[i]!),
      sent.dims,
    );
    const seen = mapPositions({ matrix: toy.measurement, offset: [0, 0] }, error).data;
    const added = seen.reduce((sum, value) => sum + value * value, 0) / toy.positions / received.noiseVariance;
    expect(await residualOf(off, received)).toBeCloseTo(1 + added, 1);
  });
});

describe('measurementNorm', () => {
  it('is what the formula says, by hand: over symbols that were sent', () => {
    const plane = (...values: number[]) => tensor(Float32Array.from(values), [2, 1, 2]);
    const latent = (...values: number[]) => tensor(Float32Array.from(values), [4, 1, 2]);
    // h is j and 2; z is 1 and 1+j; the second pair of channels wasn't sent.
    const gain = { real: plane(0, 2, 9, 9), imaginary: plane(1, 0, 9, 9) };
    const reception = { y: latent(0, 1, 1, 1, 0, 0, 0, 0), gain, activeChannels: 2, noiseVariance: 0.5 };
    const z = latent(1, 1, 0, 1, 7, 7, 7, 7);
    // |j - j·1|² = 0, |(1+j) - 2(1+j)|² = 2
    expect(measurementNorm(z, reception)).toBeCloseTo(Math.SQRT2, 12);
    expect(measurementResidual(measurementNorm(z, reception), reception)).toBeCloseTo(2, 12);
    // Without gains: |j - 1|² + |1+j - (1+j)|²
    expect(measurementNorm(z, { ...reception, gain: null })).toBeCloseTo(Math.SQRT2, 12);
    expect(measurementNorm(reception.y, { ...reception, gain: null })).toBe(0);
  });

  it('is the norm that networks give', async () => {
    const toy = createToy();
    const x = addNoise(toy.observation.xJ, 0.3, samplerRandom({ seed: 1, stream: 'norm', frame: 0 }));
    const data = await toy.networks.encoderVjp({ graph: 'encoderVjp', x, observation: toy.observation });
    expect(measurementNorm(data.z, toy.observation)).toBeCloseTo(data.measurementNorm, 4);
  });
});

describe('gainOf', () => {
  it('lays one gain a symbol out as planes, zero where nothing was sent', () => {
    const { real, imaginary } = gainOf(Float32Array.of(0, 2, 1, 3), [4, 1, 2]);
    expect([real.dims, imaginary.dims]).toEqual([
      [2, 1, 2],
      [2, 1, 2],
    ]);
    expect([...real.data]).toEqual([0, 1, 0, 0]);
    expect([...imaginary.data]).toEqual([2, 3, 0, 0]);
  });
});

describe('checkObservation', () => {
  it('takes what fits together', () => {
    expect(() => checkObservation(observation)).not.toThrow();
    expect(() => checkObservation({ ...observation, gain: null, activeChannels: 8, rate: 1 })).not.toThrow();
  });

  it.each<[string, Partial<Observation>, string]>([
    ['a latent of one plane', { y: zeros(2, 3) }, 'no latent of shape [2, 3]'],
    ['an odd number of channels', { y: zeros(7, 2, 3) }, 'no latent'],
    ['no channels sent', { activeChannels: 0 }, '0 of 8 channels'],
    ['half a symbol sent', { activeChannels: 3 }, '3 of 8 channels'],
    ['more sent than there are', { activeChannels: 10 }, '10 of 8 channels'],
    [
      'gains of another size',
      { gain: { real: zeros(4, 2, 3), imaginary: zeros(4, 2, 2) } },
      'gains of shape [4, 2, 2]',
    ],
    ['no noise', { noiseVariance: 0 }, 'variance 0'],
    ['noise that is no number', { noiseVariance: NaN }, 'variance NaN'],
    ['a CSNR that is no number', { csnrDb: NaN }, 'NaN and 5 dB'],
    ['a rate above 1', { rate: 1.01 }, 'rate of 1.01'],
    ['a decode of another size', { xJ: zeros(3, 32, 47) }, 'a decode of shape [3, 32, 47]'],
    ['a grey decode', { xJ: zeros(1, 32, 48) }, 'a decode of shape [1, 32, 48]'],
  ])('refuses %s', (_name, wrong, message) => {
    expect(() => checkObservation({ ...observation, ...wrong })).toThrow(message);
    expect(() => checkObservation({ ...observation, ...wrong })).toThrow(ObservationError);
  });
});
