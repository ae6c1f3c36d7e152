import { tensor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { createToy } from '../test/gaussian-toy.js';
import { Evaluator } from './evaluator.js';
import { runSampler } from '../test/run-sampler.js';
import {
  configureSampler,
  samplerRandom,
  type EncoderVjpEvaluation,
  type EvaluationRequest,
  type SamplerContext,
  type SamplerRun,
} from './index.js';

const toy = createToy({ height: 2, width: 2 });
const context = (clip?: SamplerContext['clip']): SamplerContext => ({
  observation: toy.observation,
  decoderRmse: toy.decoderRmse,
  random: samplerRandom({ seed: 1, stream: 'run', frame: 0 }),
  ...(clip === undefined ? {} : { clip }),
});

describe('runSampler', () => {
  it('evaluates side by side what does not depend on each other', async () => {
    const running = new Set<boolean>();
    let together = 0;
    await runSampler(configureSampler('conditional', { guidanceScale: 2, steps: 5 }).start(context()), {
      denoiser: async (evaluation) => {
        running.add(evaluation.conditioned);
        together += running.size === 2 ? 1 : 0;
        await new Promise((resolve) => setImmediate(resolve));
        running.delete(evaluation.conditioned);
        return toy.networks.denoiser(evaluation);
      },
    });
    expect(together).toBe(5);
  });

  it('takes networks that answer at once, and gives the same picture', async () => {
    const start = () => configureSampler('diffpir', { steps: 5 }).start(context());
    const late = await runSampler(start(), {
      denoiser: async (evaluation) => toy.networks.denoiser(evaluation),
      encoderVjp: async (evaluation) => toy.networks.encoderVjp(evaluation),
    });
    expect(await runSampler(start(), toy.networks)).toEqual(late);
  });

  it('lets go of a sampler that it leaves', async () => {
    for (const leave of ['network', 'progress'] as const) {
      const run = configureSampler('daps').start(context());
      const failure = new Error('no');
      const fail = (): never => {
        throw failure;
      };
      const running = runSampler(
        run,
        leave === 'network' ? { ...toy.networks, denoiser: fail } : toy.networks,
        leave === 'progress' ? { onProgress: fail } : {},
      );
      await expect(running).rejects.toBe(failure);
      expect(run.next([])).toEqual({ done: true, value: undefined });
    }
  });
});

describe('requests', () => {
  it('carry an estimate that a runner may show', async () => {
    const requests: EvaluationRequest[] = [];
    await runSampler(configureSampler('hifi-diffcom', { steps: 6, guidanceScale: 0 }).start(context()), toy.networks, {
      onProgress: (request) => requests.push(request),
    });
    const [first, second] = requests;
    expect(first!.estimate).toBeNull();
    const evaluation = first!.evaluations[0]!;
    if (evaluation.graph !== 'posteriorStep') {
      throw new Error(`the first step is no ${evaluation.graph}`);
    }
    const { x0 } = await toy.networks.posteriorStep(evaluation);
    expect(second!.estimate!.data).toEqual(x0.data.map((value) => Math.min(1, Math.max(-1, value))));
  });

  it('blend two outputs as classifier-free guidance does: (1 - w)·unconditional + w·conditional', async () => {
    const run = configureSampler('conditional', { guidanceScale: 1.5 }).start(context());
    const { value } = run.next() as { value: EvaluationRequest };
    expect(value.evaluations.map((evaluation) => 'conditioned' in evaluation && evaluation.conditioned)).toEqual([
      true,
      false,
    ]);
    const flat = (level: number) => ({ x0: tensor(new Float32Array(12).fill(level), [3, 2, 2]) });
    const { estimate } = (run.next([flat(0.4), flat(0.2)]) as { value: EvaluationRequest }).value;
    expect(estimate!.data[0]).toBeCloseTo(-0.5 * 0.2 + 1.5 * 0.4, 6);
  });
});

describe('a sampler that estimates the channel', () => {
  it('asks with its newest estimate, and ends with it', async () => {
    const channel = { gain: null, noiseVariance: 3 };
    function* blind(): SamplerRun {
      const ask = new Evaluator(context(), { steps: 2, guidanceScale: 1 });
      const { z, measurementNorm } = yield* ask.encoderVjp(toy.observation.xJ);
      expect(measurementNorm).toBeGreaterThan(0);
      ask.estimateChannel(channel);
      yield* ask.encoderVjp(toy.observation.xJ);
      expect(ask.observation).toEqual({ ...toy.observation, ...channel });
      expect(z.dims).toEqual(toy.observation.y.dims);
      return yield* ask.lastStep(toy.observation.xJ, [0.1]);
    }
    const requests: EvaluationRequest[] = [];
    const result = await runSampler(blind(), toy.networks, { onProgress: (request) => requests.push(request) });
    expect(result.channel).toBe(channel);
    expect(result.picture.dims).toEqual(toy.observation.xJ.dims);
    const [first, second, last] = requests;
    expect(
      requests.map(({ evaluations }) => (evaluations[0] as EncoderVjpEvaluation).observation.noiseVariance),
    ).toEqual([toy.observation.noiseVariance, 3, 3]);
    expect([first!.channel, second!.channel, last!.channel]).toEqual([undefined, channel, channel]);
  });
});

describe('clipping', () => {
  const spread = async (clip?: SamplerContext['clip']) => {
    const loud = {
      denoiser: () => ({
        x0: tensor(
          Float32Array.from({ length: 12 }, (_, i) => i - 6),
          [3, 2, 2],
        ),
      }),
    };
    const sampler = configureSampler('conditional', { guidanceScale: 1 });
    const { data } = (await runSampler(sampler.start(context(clip)), loud)).picture;
    return [Math.min(...data), Math.max(...data)];
  };

  it('keeps pictures within [-1, 1], within another range, or lets them be', async () => {
    expect(await spread()).toEqual([-1, 1]);
    expect(await spread([-2, 3])).toEqual([-2, 3]);
    expect(await spread(null)).toEqual([-6, 5]);
  });
});
