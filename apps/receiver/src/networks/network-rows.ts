import type { RgbImage, Tensor } from '@semcast/core';
import type { Evaluation, EvaluationResult, EvaluationResults } from '@semcast/posterior';

/** The one-shot decode x_J = D_J(ẑ). */
export interface OneShotRow {
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

export interface OneShotResult {
  readonly image: RgbImage;
  /** x_J [3, H, W] with its padding, as the network gave it; null unless it was wanted. */
  readonly xJ: Tensor | null;
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
export type NetworkRow = OneShotRow | EncodeRow | Evaluation;

/** What each graph gives for a row. */
export interface NetworkResults extends EvaluationResults {
  readonly decoder: OneShotResult;
  readonly encoder: EncodeRowResult;
}

export type NetworkGraph = keyof NetworkResults;
export type NetworkResult = OneShotResult | EncodeRowResult | EvaluationResult;
