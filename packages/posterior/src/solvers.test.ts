import { tensor, type Tensor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { samplerRandom, solverNames, solvers, type Denoise, type SamplerPart, type SolverName } from './index.js';
import { noiseLike } from './images.js';

const random = () => samplerRandom({ seed: 3, stream: 'solvers', frame: 0 });
/** For starts, whose noise must not be that of the steps. */
const otherRandom = () => samplerRandom({ seed: 3, stream: 'solvers', frame: 1 });

/** A denoiser that needs no network. */
const denoiserOf = (denoise: (x: number, sigma: number) => number): Denoise =>
  // oxlint-disable-next-line require-yield -- it never asks
  function* (x, sigma) {
    return { data: x.data.map((value) => denoise(value, sigma)), dims: x.dims };
  };

function finish<T>(part: SamplerPart<T>): T {
  const state = part.next();
  if (state.done !== true) {
    throw new Error('it asked for an evaluation');
  }
  return state.value;
}

/** Steps through the sigmas, from x at the first to x at the last. */
function solve(name: SolverName, start: Tensor, sigmas: readonly number[], denoise: Denoise): Tensor {
  const source = random();
  let x = start;
  for (let i = 0; i + 1 < sigmas.length; i++) {
    const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
    x = finish(solvers[name].step({ x, x0: finish(denoise(x, sigma)), sigma, next, denoise, random: source }));
  }
  return x;
}

const even = (from: number, to: number, steps: number) =>
  Array.from({ length: steps + 1 }, (_, i) => from + (i / steps) * (to - from));

describe('solvers of the probability-flow ODE', () => {
  // Data of standard deviation s: dx/dσ = xσ/(s² + σ²), so x(σ) ∝ √(s² + σ²).
  const s = 0.5;
  const gaussian = denoiserOf((x, sigma) => (x * s * s) / (s * s + sigma * sigma));
  const error = (name: SolverName, steps: number): number => {
    const x = solve(name, tensor(Float32Array.of(1), [1, 1, 1]), even(2, 0.1, steps), gaussian);
    return Math.abs(x.data[0]! / Math.sqrt((s * s + 0.01) / (s * s + 4)) - 1);
  };

  it.each([
    ['euler', 1, 32],
    ['heun', 2, 32],
    ['rk4', 4, 8],
  ] as const)('%s is of order %i', (name, order, steps) => {
    const measured = Math.log2(error(name, steps) / error(name, 2 * steps));
    expect(Math.abs(measured - order)).toBeLessThan(0.25 * order ** 0.5);
  });

  it('agree on data that are one point, for which Euler is exact', () => {
    const point = denoiserOf(() => 0.25);
    for (const name of ['euler', 'heun', 'rk4'] as const) {
      const x = solve(name, tensor(Float32Array.of(2.25), [1, 1, 1]), [2, 1, 0.5, 0.1], point);
      expect(x.data[0], name).toBeCloseTo(0.25 + 0.1, 6);
    }
  });
});

describe('stochastic solvers', () => {
  const N = 40_000;
  const sigmas = [3, 2, 1.2, 0.7, 0.3];
  const gaussian = (s: number) => denoiserOf((x, sigma) => (x * s * s) / (s * s + sigma * sigma));
  /** Standard error of a variance of N draws, relative: √(2/N); five of them. */
  const tolerance = 5 * Math.sqrt(2 / N);
  const variance = (x: Tensor) => x.data.reduce((sum, value) => sum + value * value, 0) / N;
  const startOf = (s: number) =>
    noiseLike(tensor(new Float32Array(N), [1, 1, N]), otherRandom(), Math.hypot(s, sigmas[0]!));

  it('ancestral-vp keeps the marginal of data of unit variance, at any step size', () => {
    const x = solve('ancestral-vp', startOf(1), sigmas, gaussian(1));
    expect(Math.abs(variance(x) / (1 + 0.3 ** 2) - 1)).toBeLessThan(tolerance);
  });

  it('ancestral keeps the marginal of data that are one point, at any step size', () => {
    const x = solve('ancestral', startOf(0), sigmas, gaussian(0));
    expect(Math.abs(variance(x) / 0.3 ** 2 - 1)).toBeLessThan(tolerance);
  });

  it.each(['ancestral', 'ancestral-vp', 'predictor-corrector'] as const)('%s spreads as its formula says', (name) => {
    const s = 0.6;
    let wanted = s * s + sigmas[0]! ** 2;
    for (let i = 0; i + 1 < sigmas.length; i++) {
      const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
      const keep = (next / sigma) ** 2;
      const factor = keep + ((1 - keep) * s * s) / (s * s + sigma * sigma);
      const added =
        name === 'ancestral-vp'
          ? ((1 + next ** 2) * (sigma ** 2 - next ** 2)) / (1 + sigma ** 2)
          : next ** 2 * (1 - keep);
      wanted = factor ** 2 * wanted + added;
      if (name === 'predictor-corrector') {
        // Score -x/(s² + σ'²), so ε = 2·0.16²(s² + σ'²)²/E[x²].
        const marginal = s * s + next * next;
        const epsilon = (2 * 0.16 ** 2 * marginal ** 2) / wanted;
        wanted = (1 - epsilon / marginal) ** 2 * wanted + 2 * epsilon;
      }
    }
    const x = solve(name, startOf(s), sigmas, gaussian(s));
    expect(Math.abs(variance(x) / wanted - 1)).toBeLessThan(tolerance);
  });

  it('the corrector pulls a state of the wrong spread towards the right one', () => {
    const s = 0.6;
    const narrow = noiseLike(tensor(new Float32Array(N), [1, 1, N]), otherRandom(), 0.5);
    // Steps so small that the predictor does nothing to speak of.
    const still = Array.from({ length: 40 }, (_, i) => 1 - i * 1e-7);
    const x = solve('predictor-corrector', narrow, still, gaussian(s));
    // From 0.25 to 1.36, but for what Langevin steps of this size add: 1/(1 - r²) with r = 0.16.
    expect(variance(x) / 1.36).toBeGreaterThan(0.97);
    expect(variance(x) / 1.36).toBeLessThan(1.06);
  });

  it('a score of zero leaves the corrector nowhere to go, and not at infinity', () => {
    const nothing = denoiserOf((x) => x);
    const zero = tensor(new Float32Array(4), [1, 2, 2]);
    expect(solve('predictor-corrector', zero, [1, 0.5], nothing).data.every(Number.isFinite)).toBe(true);
  });
});

describe('every solver', () => {
  it.each(solverNames)(
    '%s asks for as many evaluations as it says, and draws the same from the same source',
    (name) => {
      let evaluations = 1;
      const counted: Denoise = (x, sigma) => {
        evaluations++;
        return denoiserOf((value) => value / 2)(x, sigma);
      };
      const x = noiseLike(tensor(new Float32Array(12), [3, 2, 2]), random());
      const before = Float32Array.from(x.data);
      const step = () =>
        finish(
          solvers[name].step({
            x,
            x0: { data: x.data.map((value) => value / 2), dims: x.dims },
            sigma: 1,
            next: 0.5,
            denoise: counted,
            random: random(),
          }),
        );
      const first = step();
      expect(evaluations).toBe(solvers[name].evaluations);
      expect(step().data).toEqual(first.data);
      expect(first.dims).toEqual(x.dims);
      expect(x.data).toEqual(before);
    },
  );
});
