import { describe, expect, it } from 'vitest';
import { createToy } from '../test/gaussian-toy.js';
import { runSampler } from '../test/run-sampler.js';
import { lawOf } from '../test/law.js';
import { add, apply, identity, inverse, multiply, scale, sum, times, transpose } from '../test/matrix.js';
import { samplerRandom, type SamplerPart } from './index.js';
import type { Tensor } from '@semcast/core';
import { Evaluator } from './evaluator.js';
import { rms } from './images.js';
import { gradientOf, minimise } from './objective.js';

const toy = createToy({ height: 4, width: 4 });
const { observation, measurement: G, y } = toy;
const evaluator = (of = toy) =>
  new Evaluator(
    {
      observation: of.observation,
      decoderRmse: 1,
      random: samplerRandom({ seed: 1, stream: 'objective', frame: 0 }),
      clip: null,
    },
    { steps: 4, guidanceScale: 0 },
  );
const centreColours = [0.3, -0.2, 0.1];
const objective = { centre: toy.everywhere(centreColours), radius: 0.15, observation };
const evaluate = (part: SamplerPart<Tensor>) => runSampler(part, toy.networks);
const precision = sum(scale(2 / observation.noiseVariance, multiply(transpose(G), G)), scale(0.15 ** -2, identity(3)));

describe('the objective', () => {
  it('has the gradient of ‖y - Gx‖²/N0 + ‖x - x̂0‖²/(2r²)', async () => {
    const at = [0.1, 0.4, -0.3];
    const wanted = add(
      times(-2 / observation.noiseVariance, apply(transpose(G), add(y, times(-1, apply(G, at))))),
      times(0.15 ** -2, add(at, times(-1, centreColours))),
    );
    const { mean } = lawOf(await evaluate(gradientOf(evaluator(), toy.everywhere(at), objective)));
    for (const [i, value] of wanted.entries()) {
      expect(mean[i]! / value).toBeCloseTo(1, 4);
    }
  });

  it('is minimised by descent: near in four evaluations, there in thirty', async () => {
    const data = times(2 / observation.noiseVariance, apply(transpose(G), y));
    const wanted = apply(inverse(precision), add(data, times(0.15 ** -2, centreColours)));
    const distance = async (evaluations: number) => {
      const { mean } = lawOf(await evaluate(minimise(evaluator(), objective, evaluations)));
      return Math.hypot(...add(mean, times(-1, wanted)));
    };
    const start = Math.hypot(...add(centreColours, times(-1, wanted)));
    expect(start).toBeGreaterThan(0.1);
    expect(await distance(1)).toBeLessThan(start);
    expect(await distance(4)).toBeLessThan(0.35 * start);
    expect(await distance(30)).toBeLessThan(1e-4);
  });

  it.each([1e-4, 1, 1e4])('is minimised whatever its scale: noise of variance %d', async (factor) => {
    const scaled = createToy({ height: 4, width: 4, noiseVariance: 0.3 * factor });
    const problem = {
      centre: scaled.everywhere(centreColours),
      radius: 0.15 * Math.sqrt(factor),
      observation: scaled.observation,
    };
    const slopeAt = async (x: Tensor) =>
      rms(await runSampler(gradientOf(evaluator(scaled), x, problem), scaled.networks));
    const x = await runSampler(minimise(evaluator(scaled), problem, 60), scaled.networks);
    expect((await slopeAt(x)) / (await slopeAt(problem.centre))).toBeLessThan(0.01);
  });
});
