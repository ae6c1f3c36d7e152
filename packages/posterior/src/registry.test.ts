import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeSampler } from '../test/conformance.js';
import { createToy } from '../test/gaussian-toy.js';
import {
  configureSampler,
  ObservationError,
  samplerNames,
  SamplerOptionsError,
  samplerRandom,
  samplers,
  scheduleNames,
  solverNames,
  type Sampler,
} from './index.js';

for (const [key, sampler] of Object.entries<Sampler>(samplers)) {
  describeSampler(key, sampler);
}

describe('the registry', () => {
  it('lists the contracted names', () => {
    expect(samplerNames).toEqual([
      'diffcom',
      'hifi-diffcom',
      'blind-diffcom',
      'diffpir',
      'daps',
      'red-diff',
      'conditional',
      'distilled',
    ]);
  });

  it('is documented, option by option', () => {
    const text = readFileSync(new URL('../../../docs/samplers.md', import.meta.url), 'utf8');
    const words = Object.values<Sampler>(samplers)
      .flatMap(({ name, optionsSchema }) => Object.keys(optionsSchema.shape).concat(name))
      .concat(scheduleNames, solverNames)
      .concat('E_SCHEDULE', 'E_SAMPLER_OPTIONS', 'E_OBSERVATION', 'E_EVALUATION', 'E_DIVERGED');
    for (const word of words) {
      expect(text).toContain(`\`${word}\``);
    }
  });

  it('documents the defaults that there are', () => {
    const text = readFileSync(new URL('../../../docs/samplers.md', import.meta.url), 'utf8');
    for (const [name, sampler] of Object.entries<Sampler>(samplers)) {
      const defaults = sampler.optionsSchema.parse({});
      const table = text.slice(text.indexOf(`### \`${name}\``)).split('\n### ')[0]!;
      for (const [option, value] of Object.entries(defaults)) {
        expect(table, `docs/samplers.md on ${name}`).toMatch(new RegExp(`\\| \`${option}\` \\| ${String(value)} \\|`));
      }
    }
  });

  it.each([
    ['diffcom', { posteriorStep: 999, denoiser: 1 }],
    ['hifi-diffcom', { posteriorStep: 234, denoiser: 1 }],
    ['blind-diffcom', { posteriorStep: 999, denoiser: 1, decoder: 0 }],
    ['diffpir', { denoiser: 100, encoderVjp: 99 * 4 }],
    ['daps', { denoiser: 199 * 5 + 1, encoderVjp: 199 * 101 }],
    ['red-diff', { denoiser: 1000, encoderVjp: 1000 }],
  ])('announces what the published %s costs', (name, evaluations) => {
    expect(configureSampler(name, { preset: 'published' }).evaluations).toEqual(evaluations);
  });

  it('names what there is when asked for what there is not', () => {
    expect(() => configureSampler('diffcon')).toThrow('there is no sampler "diffcon"; there are diffcom, hifi-diffcom');
    expect(() => configureSampler('toString')).toThrow(SamplerOptionsError);
  });

  it('names every option that was wrong', () => {
    expect(() => configureSampler('diffcom', { steps: 3, eta: -1, wings: 2 })).toThrow(/steps: .*eta: .*wings/);
  });

  it('begins no frame whose parts do not fit together', () => {
    const { observation, decoderRmse } = createToy({ height: 2, width: 2 });
    const random = samplerRandom({ seed: 1, stream: 'a', frame: 0 });
    const sampler = configureSampler('conditional');
    expect(() => sampler.start({ observation: { ...observation, noiseVariance: -1 }, decoderRmse, random })).toThrow(
      ObservationError,
    );
    for (const wrong of [0, -1, NaN, Infinity]) {
      expect(() => sampler.start({ observation, decoderRmse: wrong, random })).toThrow(`an RMSE of ${wrong}`);
    }
  });
});

describe('samplerRandom', () => {
  it('depends on seed, stream and frame, and on nothing else', () => {
    const draw = (change: object) => samplerRandom({ seed: 1, stream: 'a', frame: 2, ...change }).uint32();
    expect(draw({})).toBe(draw({}));
    const others = [draw({ seed: 2 }), draw({ stream: 'b' }), draw({ frame: 3 })];
    expect(new Set([draw({}), ...others]).size).toBe(4);
  });
});
