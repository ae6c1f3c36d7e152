import type { BundleManifest, GraphName } from '@semcast/bundle';
import type { RgbImage, Tensor } from '@semcast/core';
import type { EvaluationResult, KnownChannel, OptionsSchema } from '@semcast/posterior';
import type { Evaluations } from '@semcast/scheduler';
import type { LostReason } from '@semcast/wire';
import type { z } from 'zod';
import type { DemodulatedFrame } from '../demodulate-frame.js';
import type { NetworkRow } from '../networks/network-rows.js';

/** A picture on the way to the final one. */
export interface PartialResult {
  readonly stage: 'preview' | 'intermediate';
  readonly image: RgbImage;
  /** Sampler steps spent so far. */
  readonly steps: number;
}

export interface DecodeContext {
  /** Fires when nobody wants the picture any more. */
  readonly signal: AbortSignal;
  /** To be called with pictures that are worth a look before the final one. */
  readonly onPartial: (result: PartialResult) => void;
}

export interface DecodedPicture {
  readonly image: RgbImage;
  /** The channel as the decoder found it, where it estimated that too. */
  readonly channel?: KnownChannel;
  /** Why a grey picture stands for one that didn't come through its channel code. */
  readonly lost?: LostReason;
  /** Sampler steps spent; 0 for a decoder without a sampler. */
  readonly steps: number;
  /** Fewer steps than asked for, because the receiver is busy. */
  readonly reducedSteps?: boolean;
  /** Runs of networks that the steps took. */
  readonly evaluations?: number;
  /** Milliseconds from the start of the first step to the end of the last. */
  readonly samplingMs?: number;
}

/** The runs that refining a frame takes, known before the first of them. */
export interface RefinementPlan {
  /** The successive requests of one step, each naming the graphs of its evaluations. */
  readonly perStep: readonly Evaluations[];
  readonly steps: { readonly min: number; readonly max: number };
}

/** A frame with its one-shot decode. */
export interface OneShotDecode {
  readonly demodulated: DemodulatedFrame;
  /** x_J [3, H, W], padded to the stride, in the units of the networks. */
  readonly xJ: Tensor;
  readonly manifest: BundleManifest;
}

/** The steps of one frame, as the scheduler grants them; a FrameHandle of the step runner. */
export interface GuidedSteps {
  /** Network runs of this frame's steps so far. */
  readonly evaluations: number;
  step(
    step: number,
    evaluations: Evaluations,
    rows: (grantedSteps: number) => readonly NetworkRow[],
  ): Promise<readonly EvaluationResult[] | null>;
}

/** What a decoder does with a one-shot decode. */
export interface Refinement<Options> {
  /** @throws SemcastError when these options make no decode */
  plan(options: Options): RefinementPlan;
  /**
   * Refine one frame.
   *
   * @throws the signal's reason, or an error of the networks
   */
  run(
    start: OneShotDecode,
    steps: GuidedSteps,
    request: { readonly options: Options; readonly plan: RefinementPlan },
    context: DecodeContext,
  ): Promise<DecodedPicture>;
}

/**
 * A way to turn a received signal into a picture: one line in `registry.ts`.
 *
 * An entry of the registry is offered in the handshake, and has validated options and a metric label. Each begins
 * with a one-shot decode, the codec's or that of the digital link: for a decoder that refines, it is the preview.
 */
export interface Decoder<Options extends OptionsSchema = OptionsSchema> {
  /** Its key in the registry; kebab-case. */
  readonly name: string;
  /** One line for `--help` and the console. */
  readonly summary: string;
  /** Strict; every option has a default, so that the name alone is a configuration. */
  readonly optionsSchema: Options;
  /** Graphs that a bundle must have for this decoder to be offered. */
  readonly graphs: readonly GraphName[];
  /** Absent where symbols are the bundle's latent; `digital`: they are those of a channel code, and no network runs. */
  readonly code?: 'digital';
  /** Absent where the one-shot decode is the picture. */
  readonly refinement?: Refinement<z.output<Options>>;
}
