import type { Tensor } from '@semcast/core';
import type { KnownChannel, Observation } from './observation.js';

/**
 * D(x; σ) ≈ E[x0 | x0 + σn = x]: the denoiser, of the graph `denoiser`. Or, of the graph `distilled`, a network of the
 * same interface that was trained on so that what it makes of x_J + σn is a picture rather than a mean.
 */
export interface DenoiserEvaluation<Graph extends 'denoiser' | 'distilled' = 'denoiser'> {
  readonly graph: Graph;
  /** [3, H, W] */
  readonly x: Tensor;
  readonly sigma: number;
  /** Whether the denoiser sees the condition (x_J, CSNR, rate), or is the unconditional prior. */
  readonly conditioned: boolean;
  readonly observation: Observation;
}

/**
 * The fused guided step, of the graph `posteriorStep`:
 * x̂0 = D(x; σ), clipped to the range of pixels, and ∇_x (ζ‖y - h⊙E(x̂0)‖₂ + γ‖x_J - D_J(W_h†W_h E(x̂0))‖₂), norms of
 * this image alone. The gradient goes through the clipping: it is 0 for a pixel beyond the range.
 */
export interface PosteriorStepEvaluation extends Omit<DenoiserEvaluation, 'graph'> {
  readonly graph: 'posteriorStep';
  readonly zeta: number;
  readonly gamma: number;
}

/** ẑ = E(x) and ∇_x ‖y - h⊙E(x)‖₂, of the graph `encoderVjp`: the prior isn't differentiated, or even involved. */
export interface EncoderVjpEvaluation {
  readonly graph: 'encoderVjp';
  /** [3, H, W] */
  readonly x: Tensor;
  readonly observation: Observation;
}

/** The one-shot decode x_J = D_J(ẑ), of the graph `decoder`. */
export interface DecoderEvaluation {
  readonly graph: 'decoder';
  /** ẑ [1, C, h, w], equalised, zero in channels that were not sent. */
  readonly latent: Tensor;
  /** The CSNR that the decoder is told, in dB, within the bundle's range. */
  readonly csnrDb: number;
  /** c / C. */
  readonly rate: number;
  /** The picture's sides, without padding. */
  readonly width: number;
  readonly height: number;
  /** Whether x_J itself is wanted, beside the 8-bit picture. */
  readonly keepTensor: boolean;
}

/** One run of one graph for one frame: one row of a batch. */
export type Evaluation =
  | DenoiserEvaluation
  | DenoiserEvaluation<'distilled'>
  | PosteriorStepEvaluation
  | EncoderVjpEvaluation
  | DecoderEvaluation;

export interface DenoiserResult {
  /** [3, H, W] */
  readonly x0: Tensor;
}

export interface EncoderVjpResult {
  /** E(x) [C, h, w] */
  readonly z: Tensor;
  /** ∇_x ‖y - h⊙E(x)‖₂ [3, H, W] */
  readonly gradient: Tensor;
  /** ‖y - h⊙E(x)‖₂ over active symbols; a norm, not squared. */
  readonly measurementNorm: number;
}

/** z and norm are of x̂0, the gradient is with respect to x; neither norm is weighted by ζ or γ. */
export interface PosteriorStepResult extends DenoiserResult, EncoderVjpResult {
  /** ‖x_J - D_J(W_h†W_h ẑ)‖₂; a norm, not squared. */
  readonly confirmingNorm: number;
}

export interface DecoderResult {
  /** x_J [3, H, W] with its padding, as the network gave it; null unless it was wanted. */
  readonly xJ: Tensor | null;
}

/** What each graph gives back. */
export interface EvaluationResults {
  readonly denoiser: DenoiserResult;
  readonly distilled: DenoiserResult;
  readonly posteriorStep: PosteriorStepResult;
  readonly encoderVjp: EncoderVjpResult;
  readonly decoder: DecoderResult;
}

/** Graphs that a sampler may ask for, named as in a bundle's manifest. */
export type SamplerGraph = keyof EvaluationResults;
export type ResultOf<E extends Evaluation> = EvaluationResults[E['graph']];
export type EvaluationResult = EvaluationResults[SamplerGraph];

/**
 * What a sampler needs before it can go on.
 *
 * The tensors in it are the sampler's: read or copy them, but neither change nor transfer them. The results become the
 * sampler's; it doesn't change them either.
 */
export interface EvaluationRequest {
  /** One or several that don't depend on each other, so that they may share a batch or run side by side. */
  readonly evaluations: readonly Evaluation[];
  /** Of the denoising step that they belong to, from 0. */
  readonly step: number;
  /** Denoising steps in all. */
  readonly steps: number;
  /** The best picture so far [3, H, W]; null before the first. An anytime result: what to show when time is up. */
  readonly estimate: Tensor | null;
  /** The channel that both hold for, where the sampler has estimated it anew. */
  readonly channel?: KnownChannel;
}

/** What a sampler ends with. */
export interface SamplerResult {
  /** [3, H, W] */
  readonly picture: Tensor;
  /** The channel as the sampler found it, where it estimated that too: the picture's residual is measured with it. */
  readonly channel?: KnownChannel;
}

/** A part of a sampler: asks for evaluations, receives their results in the same order, ends with a `T`. */
export type SamplerPart<T> = Generator<EvaluationRequest, T, readonly EvaluationResult[]>;

/**
 * A sampler at work on one frame, as a resumable state machine: `next()` gives the first request, each further
 * `next(results)` the next one, and `done` comes with the result. `return()` abandons it.
 *
 * Every frame has its own; they share nothing, so a runner may interleave any number of them and batch evaluations of
 * the same graph and size.
 */
export type SamplerRun = SamplerPart<SamplerResult>;
