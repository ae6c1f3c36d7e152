import { readFileSync } from 'node:fs';
import { tensor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { createToy, isotropic, type Toy } from '../../test/gaussian-toy.js';
import { runSampler } from '../../test/run-sampler.js';
import { biasOf, differences, lawOf, mapLaw, meanSquare, type Law } from '../../test/law.js';
import {
  add,
  apply,
  identity,
  inverse,
  multiply,
  product,
  sandwich,
  scale,
  sum,
  times,
  transpose,
} from '../../test/matrix.js';
import {
  ancestralTransition,
  ancestralVpTransition,
  dapsLaw,
  diffpirLaw,
  eulerTransition,
  guidedLaw,
  lateStart,
  noiseStart,
} from '../../test/predicted-laws.js';
import { noiseLike } from '../images.js';
import { configureSampler, karras, samplerRandom, type SamplerName } from '../index.js';

const SIGMA_MIN = 0.02;
const toy = createToy();
const isotropicToy = createToy({ covariance: isotropic(0.2) });
const schedule = (steps: number, sigmaMax: number) => karras({ steps, sigmaMax, sigmaMin: SIGMA_MIN });

/**
 * What the samplers are tested with unless a test says otherwise: the unconditional prior (but for `conditional`) and
 * steps enough that a law has something to follow. The defaults are tuned for photographs and a learnt prior.
 */
const plainOptions = { sigmaMin: SIGMA_MIN, guidanceScale: 0 };
const plain: Readonly<Record<SamplerName, Record<string, unknown>>> = {
  diffcom: { ...plainOptions, steps: 100 },
  'hifi-diffcom': { ...plainOptions, steps: 20 },
  'blind-diffcom': { ...plainOptions, steps: 20 },
  diffpir: { ...plainOptions, steps: 20, innerSteps: 4, lambda: 1 },
  daps: { ...plainOptions, steps: 20, innerSteps: 8, stepSize: 0.3 },
  'red-diff': { ...plainOptions, steps: 50, sigmaMin: 0.05, priorDeviation: 0.3 },
  conditional: { ...plainOptions, steps: 8 },
  distilled: {},
};

/** The law of what a sampler gives, over the positions of one picture. */
async function sample(name: SamplerName, of: Toy, options: Record<string, unknown>): Promise<Law> {
  // Defaults of `conditional` are for photographs: four steps are too few for a law to be near the posterior.
  const run = configureSampler(name, { ...plain[name], ...options }).start({
    observation: of.observation,
    decoderRmse: of.decoderRmse,
    random: samplerRandom({ seed: 1, stream: 'toy', frame: 0 }),
    clip: null,
  });
  return lawOf((await runSampler(run, of.networks)).picture);
}

/** mean|y - Gx|²/N0 */
function residualOf(law: Law, { measurement, y, observation }: Toy): number {
  return meanSquare(mapLaw(law, { matrix: measurement, offset: times(-1, y) })) / observation.noiseVariance;
}

describe('the toy problem', () => {
  it('has the posterior that conditioning of a joint Gaussian gives', () => {
    const { prior, measurement: G, y, observation } = toy;
    const cross = multiply(prior.covariance, transpose(G));
    const gain = multiply(
      cross,
      inverse(sum(sandwich(G, prior.covariance), scale(observation.noiseVariance / 2, identity(2)))),
    );
    const mean = add(prior.mean, apply(gain, add(y, times(-1, apply(G, prior.mean)))));
    const covariance = sum(prior.covariance, scale(-1, product(gain, G, prior.covariance)));
    expect(differences(toy.posterior, { mean, covariance }, Infinity, 1e-12)).toEqual([]);
    // The decoder gives μ for h⁻¹y. G = hB, so GBᵀ(BBᵀ)⁻¹ = h.
    const B = toy.encoder;
    const h = product(G, transpose(B), inverse(multiply(B, transpose(B))));
    const decoded = add(apply(toy.decoder.matrix, apply(inverse(h), y)), toy.decoder.offset);
    for (const [i, value] of decoded.entries()) {
      expect(value).toBeCloseTo(toy.posterior.mean[i]!, 10);
    }
  });

  it.each([
    ['', 1, false],
    [', none where its denoiser is beyond the range of pixels', 10, true],
  ])('has the gradients that its networks give%s', async (_, deviation, clips) => {
    const small = createToy({ height: 2, width: 2 });
    const { observation, networks } = small;
    const noise = samplerRandom({ seed: 1, stream: 'gradients', frame: 0 });
    const x = noiseLike(small.everywhere([0, 0, 0]), noise, deviation);
    const base = { observation, sigma: 0.4, conditioned: false, zeta: 0.7, gamma: 0.4 } as const;
    const step = async (at: typeof x) => networks.posteriorStep({ graph: 'posteriorStep', x: at, ...base });
    const vjp = async (at: typeof x) => networks.encoderVjp({ graph: 'encoderVjp', x: at, observation });
    const stepLoss = async (at: typeof x) => {
      const { measurementNorm, confirmingNorm } = await step(at);
      return 0.7 * measurementNorm + 0.4 * confirmingNorm;
    };
    const moved = (i: number, by: number) => {
      const data = Float32Array.from(x.data);
      data[i]! += by;
      return tensor(data, x.dims);
    };
    const [stepGradient, vjpGradient] = [(await step(x)).gradient, (await vjp(x)).gradient];
    for (let i = 0; i < x.data.length; i++) {
      const slope = async (loss: (at: typeof x) => Promise<number>) =>
        ((await loss(moved(i, 0.02))) - (await loss(moved(i, -0.02)))) / 0.04;
      expect(stepGradient.data[i]).toBeCloseTo(await slope(stepLoss), 3);
      expect(vjpGradient.data[i]).toBeCloseTo(await slope(async (at) => (await vjp(at)).measurementNorm), 2);
    }
    const { x0 } = await step(x);
    expect(x0.data.every((value) => Math.abs(value) <= 1)).toBe(true);
    expect(x0.data.some((value) => Math.abs(value) === 1)).toBe(clips);
  });
});

describe('conditional, with the exact conditional denoiser', () => {
  const solved = [
    ['ancestral', ancestralTransition],
    ['ancestral-vp', ancestralVpTransition],
    ['euler', eulerTransition],
  ] as const;

  it.each(solved)('samples the law that %s has at 30 steps', async (solver, transition) => {
    const law = await sample('conditional', toy, { steps: 30, startSigma: 2, guidanceScale: 1, solver });
    const predicted = guidedLaw(toy, lateStart(toy, 2), schedule(30, 2), { transition, guidanceScale: 1 });
    expect(differences(law, predicted, toy.positions)).toEqual([]);
    // Unbiased in the mean; in the spread off by the size of the steps, in either direction.
    const { mean, narrowest, widest } = biasOf(predicted, toy.posterior);
    expect(mean).toBeLessThan(1e-9);
    expect(narrowest).toBeGreaterThan(solver === 'ancestral-vp' ? 1.05 : 0.7);
    expect(widest).toBeLessThan(solver === 'ancestral-vp' ? 1.3 : 0.95);
  });

  it.each(solved)('is exact with %s as steps and first sigma grow, but for the last sigma', (_solver, transition) => {
    const { mean, covariance } = toy.posterior;
    // x̂0 of x = x0 + σn at the last σ: covariance S(S + σ²)⁻¹S instead of S.
    const limit = product(covariance, inverse(sum(covariance, scale(SIGMA_MIN ** 2, identity(3)))), covariance);
    const bias = (steps: number) => {
      const law = guidedLaw(toy, lateStart(toy, 20), schedule(steps, 20), { transition, guidanceScale: 1 });
      return Math.max(...law.covariance.map((row, i) => Math.abs(row[i]! / limit[i]![i]! - 1)));
    };
    expect(biasOf({ mean, covariance: limit }, toy.posterior).narrowest).toBeGreaterThan(0.94);
    expect(bias(400)).toBeLessThan(0.035);
    // First order: twice the steps, half the bias.
    expect(bias(200) / bias(400)).toBeGreaterThan(1.8);
    expect(bias(200) / bias(400)).toBeLessThan(2.2);
  });

  it.each(['heun', 'rk4'] as const)('samples the exact flow with %s in 16 steps', async (solver) => {
    const law = await sample('conditional', toy, { steps: 16, startSigma: 2, guidanceScale: 1, solver });
    // The flow scales each direction of deviation s by s/√(s² + σ²) from σ = 2, x̂0 at the last σ by s²/(s² + σ²).
    const { mean, covariance: S } = toy.posterior;
    const noisy = (sigma: number) => sum(S, scale(sigma ** 2, identity(3)));
    const covariance = scale(4, product(S, inverse(noisy(2)), inverse(noisy(SIGMA_MIN)), S));
    expect(differences(law, { mean, covariance }, toy.positions, 2e-4)).toEqual([]);
  });

  it('is biased by classifier-free guidance, which narrows what it samples, as its law says', async () => {
    const law = await sample('conditional', toy, { steps: 30, startSigma: 2, guidanceScale: 1.5 });
    const predicted = guidedLaw(toy, lateStart(toy, 2), schedule(30, 2), {
      transition: ancestralTransition,
      guidanceScale: 1.5,
    });
    expect(differences(law, predicted, toy.positions)).toEqual([]);
    const { mean, widest } = biasOf(predicted, toy.posterior);
    expect(mean).toBeGreaterThan(0.1);
    expect(widest).toBeLessThan(0.8);
  });
});

describe('diffcom', () => {
  it.each([
    [1, 'ancestral-vp', ancestralVpTransition],
    [0.3, 'euler', eulerTransition],
  ] as const)('with eta %d and %s samples the law of its formula', async (eta, solver, transition) => {
    const law = await sample('diffcom', toy, { steps: 60, sigmaMax: 5, eta, solver });
    const predicted = guidedLaw(toy, noiseStart(5), schedule(60, 5), {
      transition,
      guidanceScale: 0,
      push: { eta, zeta: 1, gamma: 0 },
    });
    expect(differences(law, predicted, toy.positions)).toEqual([]);
  });
});

describe('hifi-diffcom', () => {
  it.each([
    [1, 0.25, 0.25],
    [0.5, 0, 1],
    [0.3, 1, 0],
  ])('with eta %d, zeta %d, gamma %d samples the law of its formula', async (eta, zeta, gamma) => {
    const options = { steps: 25, startSigma: 0.6, solver: 'ancestral', eta, zeta, gamma };
    const law = await sample('hifi-diffcom', toy, options);
    const predicted = guidedLaw(toy, lateStart(toy, 0.6), schedule(25, 0.6), {
      transition: ancestralTransition,
      guidanceScale: 0,
      push: { eta, zeta, gamma },
    });
    expect(differences(law, predicted, toy.positions)).toEqual([]);
  });
});

describe('diffpir', () => {
  it.each([
    [0.5, 0],
    [0, 0],
    [1, 0],
    [0.5, 1.5],
  ])('with zeta %d and guidance scale %d samples the law of an exact inner solution', async (zeta, guidanceScale) => {
    const options = { steps: 20, startSigma: 2, innerSteps: 20, zeta, guidanceScale };
    const law = await sample('diffpir', toy, options);
    const predicted = diffpirLaw(toy, lateStart(toy, 2), schedule(20, 2), { zeta, guidanceScale, lambda: 1 });
    // What is left of the descent adds to the sampling error.
    expect(differences(law, predicted, toy.positions, 2e-3)).toEqual([]);
  });

  it('is right in the mean above zeta 0, as steps grow, but too narrow; at zeta 0 it keeps what the first fits did', () => {
    const bias = (zeta: number) =>
      biasOf(
        diffpirLaw(isotropicToy, lateStart(isotropicToy, 5), schedule(400, 5), { zeta, guidanceScale: 0, lambda: 1 }),
        isotropicToy.posterior,
      );
    const [none, half, all] = [bias(0), bias(0.5), bias(1)];
    expect(Math.max(half.mean, all.mean)).toBeLessThan(0.01);
    expect(none.mean).toBeGreaterThan(0.1);
    expect([half.narrowest > 0.8, half.widest < 0.9]).toEqual([true, true]);
    expect([all.narrowest > 0.47, all.widest < 0.53]).toEqual([true, true]);
  });
});

describe('daps', () => {
  it.each([
    [1, 8, 0.3],
    [1, 20, 0.1],
    [3, 8, 0.5],
  ])(
    'with %i ODE steps and %i Langevin steps of %d samples the law of its formula',
    async (odeSteps, innerSteps, stepSize) => {
      const options = { steps: 15, startSigma: 2, odeSteps, innerSteps, stepSize };
      const law = await sample('daps', toy, options);
      const odeSigmas = (sigma: number) =>
        odeSteps === 1
          ? [sigma]
          : karras({ steps: odeSteps, sigmaMax: sigma, sigmaMin: Math.min(SIGMA_MIN, sigma / 2) });
      const predicted = dapsLaw(toy, lateStart(toy, 2), schedule(15, 2), {
        innerSteps,
        stepSize,
        guidanceScale: 0,
        odeSigmas,
      });
      expect(differences(law, predicted, toy.positions)).toEqual([]);
    },
  );

  it('nears the posterior of an isotropic prior with one ODE step, as levels grow in number', () => {
    const bias = (levels: number) =>
      biasOf(
        dapsLaw(isotropicToy, lateStart(isotropicToy, 5), schedule(levels, 5), {
          innerSteps: 600,
          stepSize: 0.03,
          guidanceScale: 0,
          odeSigmas: (sigma) => [sigma],
        }),
        isotropicToy.posterior,
      );
    expect(bias(15).widest).toBeGreaterThan(1.3);
    const { mean, narrowest, widest } = bias(60);
    expect(mean).toBeLessThan(0.01);
    expect(narrowest).toBeGreaterThan(0.98);
    expect(widest).toBeLessThan(1.07);
  });
});

describe('red-diff', () => {
  it('finds the mode where the last sigma is well above the spread of the prior, and has no spread of its own', async () => {
    const narrow = createToy({ covariance: isotropic(0.05), noiseVariance: 0.02 });
    const options = { steps: 400, startSigma: 2, sigmaMin: 0.2, priorDeviation: 0.05 };
    const { mean, widest } = biasOf(await sample('red-diff', narrow, options), narrow.posterior);
    // Of the prior's weight, 0.2²/(0.2² + 0.05²) = 94 % is left at the last sigma.
    expect(mean).toBeLessThan(0.12);
    expect(widest).toBeLessThan(0.1);
  });
});

/** The table "What is exact and what is not" of docs/samplers.md: mean, narrowest, widest (see Bias), residual. */
describe('the figures in the documentation', () => {
  type Figures = readonly [mean: number, narrowest: number, widest: number, residual: number];
  it.each<[SamplerName, string, Record<string, unknown>, Figures, Figures]>([
    ['conditional', 'scale 1', { guidanceScale: 1 }, [0.02, 0.64, 0.69, 0.61], [0.02, 0.63, 0.65, 0.59]],
    [
      'conditional',
      'scale 1, heun',
      { guidanceScale: 1, solver: 'heun' },
      [0.03, 0.9, 0.92, 0.76],
      [0.02, 0.92, 0.94, 0.82],
    ],
    ['conditional', 'scale 1.5', { guidanceScale: 1.5 }, [0.22, 0.43, 0.51, 0.33], [0.17, 0.48, 0.6, 0.3]],
    ['diffcom', 'eta 1', { solver: 'ancestral-vp' }, [0.58, 0.13, 0.41, 0.02], [0.3, 0.4, 0.86, 0.02]],
    ['hifi-diffcom', 'eta 1', {}, [0.28, 0.8, 0.9, 0.89], [0.3, 0.9, 1.09, 1.42]],
    ['diffpir', 'zeta 0.5', {}, [0.11, 0.76, 0.82, 0.67], [0.04, 0.77, 0.79, 0.69]],
    ['daps', 'step size 0.3', {}, [0.03, 1.11, 1.18, 0.92], [0.03, 1.06, 1.14, 0.96]],
    ['red-diff', 'likelihood', { priorDeviation: 0.2 }, [0.49, 0.01, 0.02, 0.01], [0.25, 0.02, 0.03, 0.01]],
  ])('are right about %s, %s', async (name, _label, options, correlated, isotropicFigures) => {
    const text = readFileSync(new URL('../../../../docs/samplers.md', import.meta.url), 'utf8');
    const both = (format: (figures: Figures) => string) => `${format(correlated)} / ${format(isotropicFigures)}`;
    const columns = [
      both(([mean]) => mean.toFixed(2)),
      both(([, narrowest, widest]) => `${narrowest.toFixed(2)}–${widest.toFixed(2)}`),
      both(([, , , residual]) => residual.toFixed(2)),
    ];
    expect(text).toContain(`| ${columns.join(' | ')} |`);
    for (const [problem, figures] of [
      [toy, correlated],
      [isotropicToy, isotropicFigures],
    ] as const) {
      const law = await sample(name, problem, options);
      const bias = biasOf(law, problem.posterior);
      const [mean, narrowest, widest, residual] = figures;
      expect(Math.abs(bias.mean - mean)).toBeLessThan(0.06);
      expect(Math.abs(bias.narrowest - narrowest)).toBeLessThan(0.01 + 0.06 * narrowest);
      expect(Math.abs(bias.widest - widest)).toBeLessThan(0.01 + 0.06 * widest);
      expect(Math.abs(residualOf(law, problem) - residual)).toBeLessThan(0.02 + 0.06 * residual);
    }
  });
});
