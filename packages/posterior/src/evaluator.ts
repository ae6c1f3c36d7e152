import type { RandomSource, Tensor } from '@semcast/core';
import { equalisedLatent } from './channel.js';
import { DivergenceError, EvaluationError } from './errors.js';
import type {
  DecoderEvaluation,
  DecoderResult,
  DenoiserEvaluation,
  EncoderVjpResult,
  Evaluation,
  PosteriorStepResult,
  ResultOf,
  SamplerPart,
  SamplerResult,
} from './evaluation.js';
import { clip, combine, isFiniteImage } from './images.js';
import type { KnownChannel, Observation } from './observation.js';

/** What a sampler is given for one frame. */
export interface SamplerContext {
  readonly observation: Observation;
  /** RMSE that the codec's one-shot decode has at this CSNR and rate, from the bundle's table, in units of x. */
  readonly decoderRmse: number;
  /** All of the sampler's randomness; of this frame alone. See `samplerRandom`. */
  readonly random: RandomSource;
  /** The range of pixel values, to which every x̂0 is clipped; null leaves them alone. Default [-1, 1]. */
  readonly clip?: readonly [number, number] | null;
}

/** x̂0 at a guided step and what pulls it towards the measurement. */
export interface GuidedEstimate {
  readonly x0: Tensor;
  readonly gradient: Tensor;
  /** E of the output that the gradient is of, [C, h, w]. */
  readonly z: Tensor;
}

/** The denoiser as a solver sees it. */
export type Denoise = (x: Tensor, sigma: number) => SamplerPart<Tensor>;

/** One step's noise level and the next step's. */
export interface SigmaStep {
  /** From 0. */
  readonly step: number;
  readonly sigma: number;
  /** Below `sigma`; 0 in the last step. */
  readonly next: number;
}

/** Whether a guidance scale takes the conditional and the unconditional output of the denoiser, two evaluations. */
export function isBlend(guidanceScale: number): boolean {
  return guidanceScale !== 0 && guidanceScale !== 1;
}

/**
 * Asks for network evaluations on behalf of one sampler, and keeps count of its steps.
 *
 * Classifier-free guidance (Ho, Salimans 2022, in the form of Karras et al. 2022): at scale w the denoiser is
 * (1 - w)·D(x; σ) + w·D(x; σ, condition). 0 is the unconditional prior and 1 the conditional denoiser, one evaluation
 * each; anything else takes both, in one request.
 */
export class Evaluator {
  readonly #steps: number;
  readonly #guidanceScale: number;
  readonly #clip: readonly [number, number] | null;
  #step = 0;
  #observation: Observation;
  #channel: { readonly channel?: KnownChannel } = {};
  #estimate: Tensor | null = null;

  constructor(
    { observation, clip: range = [-1, 1] }: SamplerContext,
    { steps, guidanceScale }: { steps: number; guidanceScale: number },
  ) {
    this.#observation = observation;
    this.#steps = steps;
    this.#guidanceScale = guidanceScale;
    this.#clip = range;
  }

  /** What was received, with the newest estimate of the channel: what evaluations are asked for. */
  get observation(): Observation {
    return this.#observation;
  }

  /**
   * Go on with a better estimate of the channel; it becomes part of the result.
   *
   * @throws DivergenceError when it isn't finite
   */
  estimateChannel(channel: KnownChannel): void {
    const { gain } = channel;
    if (gain !== null && !(isFiniteImage(gain.real) && isFiniteImage(gain.imaginary))) {
      throw new DivergenceError(`the channel is not finite at step ${this.#step + 1} of ${this.#steps}`);
    }
    this.#channel = { channel };
    this.#observation = { ...this.#observation, ...channel };
  }

  /** What the sampler ends with. */
  result(picture: Tensor): SamplerResult {
    return { picture, ...this.#channel };
  }

  /** The steps from each σ to the next, and from the smallest to 0, counted as they are taken. */
  *overAll(sigmas: readonly number[]): Generator<SigmaStep, void, void> {
    for (const [step, sigma] of sigmas.entries()) {
      this.#step = step;
      yield { step, sigma, next: sigmas[step + 1] ?? 0 };
    }
  }

  /** The same but for the last, from the smallest σ to 0, which is {@link lastStep}. */
  *over(sigmas: readonly number[]): Generator<SigmaStep, void, void> {
    for (const step of this.overAll(sigmas)) {
      if (step.next > 0) {
        yield step;
      }
    }
  }

  /** From the smallest σ to 0: the result is x̂0 itself, unguided. */
  *lastStep(x: Tensor, sigmas: readonly number[]): SamplerPart<SamplerResult> {
    return this.result(yield* this.denoise(x, sigmas.at(-1)!));
  }

  /** x̂0 = D(x; σ) at the guidance scale, clipped. A property, so that it can be handed to a solver. */
  readonly denoise: Denoise = (x, sigma) => this.#denoise(x, sigma);

  /** The distilled decoder's picture from x = x_J + σn, clipped. */
  *distilled(x: Tensor, sigma: number): SamplerPart<Tensor> {
    const observation = this.#observation;
    const [{ x0 }] = yield* this.#evaluate([{ graph: 'distilled', x, sigma, conditioned: true, observation }] as const);
    return this.show(x0);
  }

  /** x_J under the newest estimate of the channel; from now on the denoiser is conditioned on it. */
  *decodeAgain(): SamplerPart<Tensor> {
    const { csnrDb, rate, xJ: last } = this.#observation;
    const latent = equalisedLatent(this.#observation);
    const [height = 0, width = 0] = last.dims.slice(1);
    const evaluation: DecoderEvaluation = { graph: 'decoder', latent, csnrDb, rate, width, height, keepTensor: true };
    const [{ xJ }] = yield* this.#evaluate([evaluation] as const);
    this.show(xJ!);
    this.#observation = { ...this.#observation, xJ: xJ! };
    return xJ!;
  }

  *#denoise(x: Tensor, sigma: number): SamplerPart<Tensor> {
    const results = yield* this.#evaluate(this.#denoiserEvaluations(x, sigma));
    return this.#blend(results.map(({ x0 }) => x0));
  }

  /** x̂0 = D(x; σ), and E and its gradient elsewhere: two networks side by side. */
  *denoiseBeside(
    x: Tensor,
    sigma: number,
    elsewhere: Tensor,
  ): SamplerPart<{ readonly x0: Tensor; readonly data: EncoderVjpResult }> {
    const observation = this.#observation;
    const [data, ...results] = yield* this.#evaluate([
      { graph: 'encoderVjp', x: elsewhere, observation },
      ...this.#denoiserEvaluations(x, sigma),
    ] as const);
    return { x0: this.#blend(results.map(({ x0 }) => x0)), data };
  }

  /**
   * x̂0 and the gradient of ζ‖y - h⊙E(x̂0)‖ + γ‖x_J - D_J(E(x̂0))‖.
   *
   * Where the guidance scale blends two outputs, x̂0 is the blend, but gradient and norm are those of the conditional
   * output: the gradient of the blend would take a graph with two denoisers. The graph clips its x̂0, so the other one is
   * clipped before they are blended.
   */
  *guidedStep(x: Tensor, sigma: number, weights: { zeta: number; gamma: number }): SamplerPart<GuidedEstimate> {
    const observation = this.#observation;
    const conditioned = this.#guidanceScale !== 0;
    const [guided, ...others] = yield* this.#evaluate([
      { graph: 'posteriorStep', x, sigma, conditioned, observation, zeta: weights.zeta, gamma: weights.gamma },
      ...this.#denoiserEvaluations(x, sigma).slice(1),
    ] as const);
    return {
      x0: this.#blend([guided.x0, ...others.map(({ x0 }) => this.#clipped(x0))]),
      gradient: guided.gradient,
      z: guided.z,
    };
  }

  /** E(x) and ∇_x ‖y - h⊙E(x)‖. */
  *encoderVjp(x: Tensor): SamplerPart<EncoderVjpResult> {
    const observation = this.#observation;
    const [data] = yield* this.#evaluate([{ graph: 'encoderVjp', x, observation }] as const);
    return data;
  }

  /** Take x, clipped, for the best picture so far; it comes with the next request. */
  show(x: Tensor): Tensor {
    if (!isFiniteImage(x)) {
      throw new DivergenceError(`the picture is not finite at step ${this.#step + 1} of ${this.#steps}`);
    }
    this.#estimate = this.#clipped(x);
    return this.#estimate;
  }

  #clipped(x: Tensor): Tensor {
    return this.#clip === null ? x : clip(x, this.#clip);
  }

  #denoiserEvaluations(x: Tensor, sigma: number): DenoiserEvaluation[] {
    const observation = this.#observation;
    const at = (conditioned: boolean): DenoiserEvaluation => ({
      graph: 'denoiser',
      x,
      sigma,
      conditioned,
      observation,
    });
    return isBlend(this.#guidanceScale) ? [at(true), at(false)] : [at(this.#guidanceScale === 1)];
  }

  #blend([first, unconditional]: readonly Tensor[]): Tensor {
    const w = this.#guidanceScale;
    return this.show(unconditional === undefined ? first! : combine(w, first!, 1 - w, unconditional));
  }

  /** Yield a request, and check that what came back is what was asked for. */
  *#evaluate<const E extends readonly Evaluation[]>(
    evaluations: E,
  ): SamplerPart<{ readonly [K in keyof E]: ResultOf<E[K]> }> {
    const results = yield {
      evaluations,
      step: this.#step,
      steps: this.#steps,
      estimate: this.#estimate,
      ...this.#channel,
    };
    if (results.length !== evaluations.length) {
      throw new EvaluationError(`${evaluations.length} evaluations were asked for, ${results.length} results came`);
    }
    for (const [i, evaluation] of evaluations.entries()) {
      const { graph } = evaluation;
      const x = 'x' in evaluation ? evaluation.x : this.#observation.xJ;
      const result = results[i]!;
      for (const output of ['x0', 'gradient', 'xJ'] as const) {
        if (!expectedOutputs[graph].includes(output)) {
          continue;
        }
        const image = (result as Partial<Record<typeof output, Tensor | null>>)[output];
        if (!image || image.data.length !== x.data.length) {
          throw new EvaluationError(`${graph} gave no ${output} of shape [${x.dims.join(', ')}]`);
        }
      }
      if (
        expectedOutputs[graph].includes('measurementNorm') &&
        !Number.isFinite((result as Partial<EncoderVjpResult>).measurementNorm)
      ) {
        throw new DivergenceError(`${graph} measured no finite norm at step ${this.#step + 1} of ${this.#steps}`);
      }
    }
    // Checked above as far as samplers read them; the type follows the evaluations, one by one.
    return results as unknown as { readonly [K in keyof E]: ResultOf<E[K]> };
  }
}

const expectedOutputs: Record<Evaluation['graph'], readonly (keyof PosteriorStepResult | keyof DecoderResult)[]> = {
  denoiser: ['x0'],
  distilled: ['x0'],
  posteriorStep: ['x0', 'gradient', 'measurementNorm'],
  encoderVjp: ['gradient', 'measurementNorm'],
  decoder: ['xJ'],
};
