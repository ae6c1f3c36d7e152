import { meanPower, noiseVarianceToCsnrDb, tensor, type ComplexVector, type Tensor } from '@semcast/core';
import {
  CSNR_LIMITS_DB,
  deinterleave,
  equalise,
  estimateCsnrDb,
  symbolsToLatent,
  type Gains,
  type LatentLayout,
} from '@semcast/phy';
import { readIq, type FrameHead } from '@semcast/wire';
import { FrameDropError } from './errors.js';
import type { ReceivedFrame } from './receive-frame.js';

/** Beyond this mean power, squares of samples would leave float32's range. */
const MAX_MEAN_POWER = 1e30;

/** Channel SNRs of one frame, in dB per complex symbol. */
export interface ObservedCsnr {
  /** What the channel was set to, where it said so. */
  readonly configured?: number;
  /** mean|h|²/N0 over this frame, where the receiver has genie channel state. */
  readonly measured?: number;
  /** After equalisation, where the receiver has genie channel state. */
  readonly effective?: number;
  /** Blindly, from the samples; null where the receiver has genie channel state and needs no estimate. */
  readonly estimated: number | null;
}

/** What a decoder has to work with: the received samples, and the latent that they suggest. */
export interface Observation {
  readonly stream: string;
  readonly frame: number;
  readonly width: number;
  readonly height: number;
  readonly cbr: string;
  readonly layout: LatentLayout;
  /** ẑ as a latent [1, C, h, w]: equalised, in the encoder's order, zero in channels that were not sent. */
  readonly latent: Tensor;
  /** y, in the order of the air. */
  readonly samples: ComplexVector;
  /** h, in the order of the air; null where it is 1 or unknown. */
  readonly gains: Gains | null;
  /** Whether `samples` and `gains` are in another order than the latent's symbols. */
  readonly interleaved: boolean;
  /** N0 per complex sample; null without genie channel state. */
  readonly noiseVariance: number | null;
  readonly csnrDb: ObservedCsnr;
  /** What networks are told of the channel, in dB: the effective CSNR where it is known, else the estimated one. */
  readonly toldCsnrDb: number;
  /** The CSNR for which the transmitter encoded, in dB. */
  readonly designCsnrDb: number;
}

/**
 * From received samples to a latent: equalise, undo the interleaver, lay the symbols out as the encoder had them.
 *
 * With genie channel state (gains and noise variance travel in the frame) by linear MMSE; without, the samples are
 * taken as they are and their CSNR is estimated from their power.
 *
 * @throws FrameDropError `invalid-frame` when the samples or gains are no ordinary numbers
 */
export function demodulateFrame(received: ReceivedFrame): Observation {
  const { head, layout, latentHeight, latentWidth } = received;
  const { samples, gains } = readIq(received);
  checkFinite('samples', samples);
  if (gains !== null) {
    checkFinite('gains', gains.values);
  }
  const noiseVariance = head.impairment?.noiseVariance ?? null;
  const { symbols, csnrDb, toldCsnrDb } = symbolsOf(head, samples, gains, noiseVariance);
  const ordered = head.waveform.interleaved ? deinterleave(symbols) : symbols;
  return {
    stream: head.stream,
    frame: head.frame,
    width: head.width,
    height: head.height,
    cbr: head.cbr,
    layout,
    latent: tensor(symbolsToLatent(ordered, layout), [1, layout.channels, latentHeight, latentWidth]),
    samples,
    gains,
    interleaved: head.waveform.interleaved,
    noiseVariance,
    csnrDb,
    toldCsnrDb,
    designCsnrDb: head.designCsnrDb,
  };
}

function symbolsOf(
  { impairment }: FrameHead,
  samples: ComplexVector,
  gains: Gains | null,
  noiseVariance: number | null,
): Pick<Observation, 'csnrDb' | 'toldCsnrDb'> & { readonly symbols: ComplexVector } {
  const configured = impairment === undefined ? {} : { configured: impairment.snrDb };
  if (noiseVariance === null) {
    const estimated = estimateCsnrDb(samples);
    return { symbols: samples, csnrDb: { ...configured, estimated }, toldCsnrDb: estimated };
  }
  const { symbols, csnrDb: effective } = equalise({ samples, gains, noiseVariance });
  const measured = measuredCsnrDb(gains, noiseVariance);
  return { symbols, csnrDb: { ...configured, measured, effective, estimated: null }, toldCsnrDb: effective };
}

/** mean|h|²/N0 in dB, for symbols of unit power. */
function measuredCsnrDb(gains: Gains | null, noiseVariance: number): number {
  const power = gains === null ? 1 : meanPower(gains.values);
  const csnrDb = noiseVarianceToCsnrDb(noiseVariance / power);
  return Math.min(CSNR_LIMITS_DB.max, Math.max(CSNR_LIMITS_DB.min, Number.isNaN(csnrDb) ? -Infinity : csnrDb));
}

/** NaN fails every comparison, so one line finds NaN, infinities and absurd magnitudes. */
function checkFinite(what: string, values: ComplexVector): void {
  if (!(meanPower(values) <= MAX_MEAN_POWER)) {
    throw new FrameDropError('invalid-frame', `the ${what} of the frame are not all finite and of ordinary size`);
  }
}
