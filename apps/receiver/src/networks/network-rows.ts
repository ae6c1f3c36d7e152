import type { RunResult } from '@semcast/bundle';
import type { RgbImage, Tensor } from '@semcast/core';
import type { DecoderResult, Evaluation, EvaluationResult, EvaluationResults } from '@semcast/posterior';

export interface OneShotResult extends DecoderResult {
  readonly image: RunResult['images'][number];
}

/** A decoded picture, encoded as the transmitter would have. */
export interface EncodeRow {
  readonly graph: 'encoder';
  readonly image: RgbImage;
  /** The design CSNR, in dB, within the bundle's range. */
  readonly csnrDb: number;
  /** c: channels 0 … c-1 are active. */
  readonly activeChannels: number;
}

export interface EncodeRowResult {
  /** E(x̂) [C, h, w] */
  readonly latent: Tensor;
}

/** One run of one network for one frame: one row of a batch. */
export type NetworkRow = EncodeRow | Evaluation;

/** What each graph gives for a row. */
export interface NetworkResults extends EvaluationResults {
  readonly decoder: OneShotResult;
  readonly encoder: EncodeRowResult;
}

export type NetworkGraph = keyof NetworkResults;
export type NetworkResult = EncodeRowResult | EvaluationResult;
