import type { RunResult } from '@semcast/bundle';
import type { RgbImage, Tensor } from '@semcast/core';
import type { LinkFormat } from '@semcast/digital';
import type { ReceivedSymbols } from '@semcast/phy';
import type { DecoderResult, Evaluation, EvaluationResult, EvaluationResults } from '@semcast/posterior';
import type { LostReason } from '@semcast/wire';

export interface OneShotResult extends DecoderResult {
  readonly image: RunResult['images'][number];
  /** Of a digital picture that didn't come through. */
  readonly lost?: LostReason;
}

/** The symbols of a digital frame, whose picture is found without a network. */
export interface TransportRow {
  readonly graph: 'transport';
  readonly received: ReceivedSymbols;
  readonly format: LinkFormat;
  readonly width: number;
  readonly height: number;
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

/** One run for one frame: one row of a batch of a network, or a transport block. */
export type NetworkRow = EncodeRow | TransportRow | Evaluation;

/** What each graph gives for a row. */
export interface NetworkResults extends EvaluationResults {
  readonly decoder: OneShotResult;
  readonly encoder: EncodeRowResult;
  readonly transport: OneShotResult;
}

export type NetworkGraph = keyof NetworkResults;
export type NetworkResult = EncodeRowResult | EvaluationResult;
