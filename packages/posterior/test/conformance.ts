import { tensor, type Tensor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  configureSampler,
  DivergenceError,
  EvaluationError,
  MAX_STEPS,
  MIN_STEPS,
  samplerRandom,
  SamplerOptionsError,
  type EvaluationRequest,
  type Sampler,
  type SamplerContext,
} from '../src/index.js';
import { runTogether } from './batch-runner.js';
import { createToy, type Toy } from './gaussian-toy.js';
import { runSampler, type Networks } from './run-sampler.js';

/** One option of a sampler as JSON Schema describes it. */
interface OptionSchema {
  readonly type?: 'number' | 'integer' | 'string';
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
}

const toy = createToy({ height: 6, width: 4 });

function contextOf(frame = 0, of: Toy = toy): SamplerContext {
  return {
    observation: of.observation,
    decoderRmse: of.decoderRmse,
    random: samplerRandom({ seed: 5, stream: 'conformance', frame }),
  };
}

/** Networks that count and record, and a promise between each call and its answer. */
function recorded(networks: Required<Networks>) {
  const counts: Record<string, number> = {};
  const count = (graph: string) => (counts[graph] = (counts[graph] ?? 0) + 1);
  return {
    counts,
    networks: {
      denoiser: async (evaluation) => {
        count('denoiser');
        return networks.denoiser(evaluation);
      },
      posteriorStep: async (evaluation) => {
        count('posteriorStep');
        return networks.posteriorStep(evaluation);
      },
      distilled: async (evaluation) => {
        count('distilled');
        return networks.distilled(evaluation);
      },
      encoderVjp: async (evaluation) => {
        count('encoderVjp');
        return networks.encoderVjp(evaluation);
      },
      decoder: async (evaluation) => {
        count('decoder');
        return networks.decoder(evaluation);
      },
    } satisfies Networks,
  };
}

/** What every sampler must do. Being in the registry is enough to be held to it. */
export function describeSampler(key: string, sampler: Sampler): void {
  const json = z.toJSONSchema(sampler.optionsSchema, { io: 'input' });
  const options = Object.entries((json.properties ?? {}) as Record<string, OptionSchema>);
  const choices = options.flatMap(([option, schema]) => (schema.enum ?? []).map((value) => [option, value] as const));
  const guided = options.some(([option]) => option === 'guidanceScale');
  const ranges = options.filter(([, { type }]) => type === 'number' || type === 'integer');
  const { fewestSteps = MIN_STEPS, published } = sampler;
  const run = async (given: Record<string, unknown> = {}, frame = 0) =>
    (await runSampler(configureSampler(key, given).start(contextOf(frame)), toy.networks)).picture;

  describe(`sampler ${key}`, () => {
    it('is named like its key, says what it is, and is configured by its name alone', () => {
      expect(sampler.name).toBe(key);
      expect(key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(sampler.summary).toMatch(/^\S.{5,110}$/);
      const { options: complete } = configureSampler(key);
      expect(configureSampler(key, JSON.parse(JSON.stringify(complete))).options).toEqual(complete);
    });

    it.runIf(published === undefined)('has no published preset, and says so', () => {
      expect(configureSampler(key, { preset: 'default' }).options).toEqual(configureSampler(key).options);
      expect(() => configureSampler(key, { preset: 'published' })).toThrow(`${key} has no preset "published"`);
      expect(() => configureSampler(key, { preset: 'best' })).toThrow(`${key}: preset: Invalid input`);
    });

    it.runIf(published)('has a published preset in place of its defaults, of which each can be changed', () => {
      const { options: complete, evaluations } = configureSampler(key, { preset: 'published' });
      const defaults = configureSampler(key, { preset: 'default' }).options;
      expect(defaults).toEqual({ preset: 'default', ...sampler.optionsSchema.parse({}) });
      expect(complete).toEqual({ ...defaults, ...sampler.optionsSchema.parse(published), preset: 'published' });
      expect(complete).toMatchObject({ guidanceScale: 0 });
      expect(configureSampler(key, complete)).toMatchObject({ options: complete, evaluations });
      const changed = configureSampler(key, { preset: 'published', steps: 9, guidanceScale: 2 });
      expect(changed.options).toEqual({ ...complete, steps: 9, guidanceScale: 2 });
      expect(changed.evaluations).not.toEqual(evaluations);
      expect(() => configureSampler(key, { preset: 'best' })).toThrow(`${key}: preset: Invalid option`);
      expect(() => configureSampler(key, { preset: 'published', wings: 2 })).toThrow(/wings/);
    });

    it.runIf(published)('samples as published', async () => {
      const picture = await run({ preset: 'published', steps: 30 });
      expect(picture.data.every((value) => value >= -1 && value <= 1)).toBe(true);
    });

    it('describes each option, which is flat and has a default or may be left out', () => {
      expect(options.length).toBeGreaterThan(0);
      for (const [option, { type, description }] of options) {
        expect(description, option).toMatch(/^.{10,}$/);
        expect(['number', 'integer', 'string'], option).toContain(type);
      }
      expect(json.required ?? []).toEqual([]);
    });

    it.each(ranges)('takes %s from its least to its greatest value, and nothing beyond', (option, schema) => {
      const { minimum, maximum, type } = schema;
      expect([Number.isFinite(minimum), Number.isFinite(maximum)]).toEqual([true, true]);
      const beyond = type === 'integer' ? 1 : 1e-6;
      for (const value of [minimum!, maximum!]) {
        expect(configureSampler(key, { [option]: value }).options[option]).toBe(value);
      }
      for (const value of [minimum! - beyond, maximum! + beyond, NaN, Infinity, '1', null]) {
        expect(() => configureSampler(key, { [option]: value }), `${option} ${value}`).toThrow(SamplerOptionsError);
        expect(() => configureSampler(key, { [option]: value })).toThrow(`${key}: ${option}: `);
      }
    });

    it('refuses options that it does not have', () => {
      expect(() => configureSampler(key, { noSuchOption: 1 })).toThrow(/noSuchOption/);
      expect(() => configureSampler(key, 'fast')).toThrow(SamplerOptionsError);
    });

    it(`has steps, from ${fewestSteps} to ${MAX_STEPS}`, async () => {
      const [, steps] = options.find(([option]) => option === 'steps')!;
      expect([steps.type, steps.minimum, steps.maximum]).toEqual(['integer', fewestSteps, MAX_STEPS]);
      for (const value of [fewestSteps, MAX_STEPS]) {
        expect((await run({ steps: value })).data.every(Number.isFinite)).toBe(true);
      }
    });

    it.each(ranges.filter(([option]) => option !== 'steps'))(
      'ends in a picture, or says that it diverged, at the limits of %s',
      async (option, { minimum, maximum }) => {
        for (const value of [minimum!, maximum!]) {
          const outcome = await run({ steps: fewestSteps, [option]: value }).catch((error: unknown) => error);
          const isPicture = typeof outcome === 'object' && outcome !== null && 'dims' in outcome;
          expect(isPicture || outcome instanceof DivergenceError, String(outcome)).toBe(true);
        }
      },
    );

    it.each([
      ['defaults', {}] as const,
      ...(guided
        ? ([
            ['no guidance', { guidanceScale: 0 }],
            ['a conditional prior', { guidanceScale: 1 }],
            ['classifier-free guidance', { guidanceScale: 2 }],
          ] as const)
        : []),
      ...choices.map(([option, value]) => [`${option} ${value}`, { [option]: value }] as const),
    ])('asks for exactly the evaluations that it announces, in order: %s', async (_name, given) => {
      const configured = configureSampler(key, { steps: 7, ...given });
      const { counts, networks } = recorded(toy.networks);
      const requests: EvaluationRequest[] = [];
      const { picture: image, channel } = await runSampler(configured.start(contextOf()), networks, {
        onProgress: (request) => requests.push(request),
      });
      const announced = Object.entries(configured.evaluations).filter(([, count]) => count > 0);
      expect(counts).toEqual(Object.fromEntries(announced));
      // Whatever its options: a receiver loads the graphs of those that it begins with.
      expect(Object.keys(configured.evaluations)).toEqual(Object.keys(configureSampler(key).evaluations));
      expect(image.dims).toEqual([3, 6, 4]);
      expect(image.data.every((value) => value >= -1 && value <= 1)).toBe(true);

      expect(requests.map(({ step }) => step)).toEqual(requests.map(({ step }) => step).sort((a, b) => a - b));
      expect(new Set(requests.map(({ step }) => step))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
      expect(requests.every(({ steps }) => steps === 7)).toBe(true);
      // The last step is unguided: it never needs the gradient through the prior.
      const last = requests.filter(({ step }) => step === 6).flatMap(({ evaluations }) => evaluations);
      expect(last.map(({ graph }) => graph)).not.toContain('posteriorStep');
      // Every evaluation is of this frame, and of its size.
      const all = requests.flatMap(({ evaluations }) => evaluations);
      for (const evaluation of all.filter(({ graph }) => graph === 'decoder')) {
        expect(evaluation).toMatchObject({ latent: { dims: [1, 2, 6, 4] }, width: 4, height: 6, keepTensor: true });
      }
      for (const evaluation of all.filter((each) => each.graph !== 'decoder')) {
        const { gain, noiseVariance, xJ } = evaluation.observation;
        expect(evaluation.observation).toEqual({ ...toy.observation, gain, noiseVariance, xJ });
        // Only who estimates the channel asks with another one, and with what is decoded under it.
        expect(evaluation.observation === toy.observation || channel !== undefined).toBe(true);
        expect(evaluation.x.dims).toEqual([3, 6, 4]);
      }
      // A picture for whoever can't wait, from the second request at the latest.
      expect(requests[0]!.estimate).toBeNull();
      for (const { estimate } of requests.slice(1)) {
        expect(estimate!.dims).toEqual([3, 6, 4]);
        expect(estimate!.data.every((value) => value >= -1 && value <= 1)).toBe(true);
      }
    });

    it('has sigmas that fall, the first within reach', async () => {
      const sigmas: number[] = [];
      await runSampler(configureSampler(key, { steps: 9 }).start(contextOf()), {
        ...toy.networks,
        denoiser: (evaluation) => {
          sigmas.push(evaluation.sigma);
          return toy.networks.denoiser(evaluation);
        },
        distilled: (evaluation) => {
          sigmas.push(evaluation.sigma);
          return toy.networks.distilled(evaluation);
        },
        posteriorStep: (evaluation) => {
          sigmas.push(evaluation.sigma);
          return toy.networks.posteriorStep(evaluation);
        },
      });
      expect(sigmas).toEqual(sigmas.toSorted((a, b) => b - a));
      expect(sigmas.at(-1)).toBeGreaterThan(0);
      expect(new Set(sigmas).size).toBe(9);
    });

    it('gives the same picture from the same seed to the last bit, and another from another', async () => {
      const [first, again, other] = [await run(), await run(), await run({}, 1)];
      expect(again.data).toEqual(first.data);
      expect(other.data).not.toEqual(first.data);
    });

    it('gives the same picture alone and in any company, whoever comes and goes', async () => {
      const start = (frame: number, given: Record<string, unknown> = {}) =>
        configureSampler(key, given).start(contextOf(frame));
      const blend = guided ? { guidanceScale: 2 } : {};
      const company = [
        { run: start(1, { steps: 12 }), arrival: 0 },
        { run: start(0), arrival: 3 },
        { run: start(2, { steps: 4, ...blend }), arrival: 4 },
        { run: configureSampler('conditional').start(contextOf(3)), arrival: 5 },
        // Of another size, so never in the same batch; the networks don't mind.
        { run: configureSampler(key).start(contextOf(4, createToy({ height: 5, width: 7 }))), arrival: 2 },
      ];
      const { images, batches } = await runTogether(company, toy.networks);
      expect(batches.some(({ size }) => size > 1)).toBe(true);
      expect(images[0]!.data).toEqual((await run({ steps: 12 }, 1)).data);
      expect(images[1]!.data).toEqual((await run()).data);
      expect(images[4]!.dims).toEqual([3, 5, 7]);
      expect(images[2]!.data).toEqual((await run({ steps: 4, ...blend }, 2)).data);
    });

    it('changes neither the observation nor what it has asked with, nor what it was given', async () => {
      const { observation } = toy;
      const copies = [observation.y, observation.xJ].map(({ data }) => Float32Array.from(data));
      const held: { live: Tensor; copy: Float32Array }[] = [];
      const hold = (live: Tensor) => held.push({ live, copy: Float32Array.from(live.data) });
      const holding = async <R extends object>(x: Tensor, result: R | Promise<R>): Promise<R> => {
        hold(x);
        const settled = await result;
        for (const output of Object.values(settled)) {
          if (typeof output === 'object') {
            hold(output as Tensor);
          }
        }
        return settled;
      };
      await runSampler(
        configureSampler(key, { steps: 6 }).start(contextOf()),
        {
          denoiser: async (evaluation) => holding(evaluation.x, toy.networks.denoiser(evaluation)),
          distilled: async (evaluation) => holding(evaluation.x, toy.networks.distilled(evaluation)),
          posteriorStep: async (evaluation) => holding(evaluation.x, toy.networks.posteriorStep(evaluation)),
          encoderVjp: async (evaluation) => holding(evaluation.x, toy.networks.encoderVjp(evaluation)),
          decoder: async (evaluation) => holding(evaluation.latent, toy.networks.decoder(evaluation)),
        },
        { onProgress: ({ estimate }) => estimate !== null && hold(estimate) },
      );
      expect([observation.y.data, observation.xJ.data]).toEqual(copies);
      expect(held.length).toBeGreaterThanOrEqual(2 * 6);
      expect(held.every(({ live, copy }) => live.data.every((value, i) => value === copy[i]))).toBe(true);
    });

    it('takes a measurement that says nothing, as in a deep fade', async () => {
      const nothing = toy.everywhere([0, 0, 0]);
      const faded: Networks = {
        denoiser: toy.networks.denoiser,
        distilled: toy.networks.distilled,
        decoder: toy.networks.decoder,
        posteriorStep: async (evaluation) => ({
          ...(await toy.networks.posteriorStep(evaluation)),
          gradient: nothing,
        }),
        encoderVjp: async (evaluation) => ({ ...(await toy.networks.encoderVjp(evaluation)), gradient: nothing }),
      };
      const { picture: image } = await runSampler(configureSampler(key).start(contextOf()), faded);
      expect(image.data.every(Number.isFinite)).toBe(true);
    });

    it('can be left at any request, and asks for nothing more', () => {
      const abandoned = configureSampler(key).start(contextOf());
      expect(abandoned.next().done).toBe(false);
      const value = { picture: toy.observation.xJ };
      expect(abandoned.return(value)).toEqual({ done: true, value });
      expect(abandoned.next([]).done).toBe(true);
    });

    it('stops when its signal fires, in mid-run or before it began', async () => {
      const reason = new Error('the stream went away');
      const aborting = new AbortController();
      const { counts, networks } = recorded(toy.networks);
      const leaving = runSampler(configureSampler(key, { steps: 50 }).start(contextOf()), networks, {
        signal: aborting.signal,
        onProgress: ({ step }) => step === 3 && aborting.abort(reason),
      });
      await expect(leaving).rejects.toBe(reason);
      const asked = Object.values(counts).reduce((sum, count) => sum + count, 0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(asked);
      const never = recorded(toy.networks);
      await expect(
        runSampler(configureSampler(key).start(contextOf()), never.networks, { signal: AbortSignal.abort(reason) }),
      ).rejects.toBe(reason);
      expect(never.counts).toEqual({});
    });

    it('says so when its networks fail, give nonsense, or are not there', async () => {
      const spoil = async (change: (result: Record<string, unknown>) => unknown) => {
        const spoilt = Object.fromEntries(
          Object.entries(toy.networks).map(([graph, network]) => [
            graph,
            async (evaluation: never) => change({ ...(await network(evaluation)) }),
          ]),
        ) as unknown as Networks;
        return runSampler(configureSampler(key, { steps: 6 }).start(contextOf()), spoilt);
      };
      const failure = new Error('out of memory');
      await expect(
        spoil(() => {
          throw failure;
        }),
      ).rejects.toBe(failure);
      const image = (value: number, ...dims: number[]) =>
        tensor(new Float32Array(dims.reduce((a, b) => a * b)).fill(value), dims);
      await expect(
        spoil((result) => ({ ...result, x0: image(NaN, 3, 6, 4), gradient: image(NaN, 3, 6, 4) })),
      ).rejects.toThrow(DivergenceError);
      await expect(
        spoil((result) => ({ ...result, x0: image(0, 3, 6, 5), gradient: image(0, 3, 6, 5) })),
      ).rejects.toThrow(EvaluationError);
      await expect(spoil(() => ({}))).rejects.toThrow(EvaluationError);
      await expect(runSampler(configureSampler(key).start(contextOf()), {})).rejects.toThrow(/there is no \w+ among/);
      const short = configureSampler(key).start(contextOf());
      short.next();
      expect(() => short.next([])).toThrow(EvaluationError);
    });
  });
}
