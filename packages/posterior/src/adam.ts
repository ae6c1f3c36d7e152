import type { Tensor } from '@semcast/core';

const BETA_FIRST = 0.9;
const BETA_SECOND = 0.99;
const EPSILON = 1e-8;

/**
 * Adam (Kingma, Ba 2015, Algorithm 1) on one image: each value has its own step, so nothing couples images.
 *
 * β = (0.9, 0.99), the second smaller than usual because a sampler takes tens of steps and not thousands.
 */
export class Adam {
  readonly #first: Float32Array;
  readonly #second: Float32Array;
  #steps = 0;

  constructor(size: number) {
    this.#first = new Float32Array(size);
    this.#second = new Float32Array(size);
  }

  /** x after one step of length about `learningRate` against the gradient. */
  step(x: Tensor, gradient: Tensor, learningRate: number): Tensor {
    this.#steps++;
    const [first, second, values] = [this.#first, this.#second, gradient.data];
    const scale = learningRate / (1 - BETA_FIRST ** this.#steps);
    const correction = 1 / (1 - BETA_SECOND ** this.#steps);
    const out = x.data.slice();
    for (let i = 0; i < out.length; i++) {
      const g = values[i]!;
      const m = (first[i]! += (1 - BETA_FIRST) * (g - first[i]!));
      const v = (second[i]! += (1 - BETA_SECOND) * (g * g - second[i]!));
      out[i]! -= (scale * m) / (Math.sqrt(v * correction) + EPSILON);
    }
    return { data: out, dims: x.dims };
  }
}
