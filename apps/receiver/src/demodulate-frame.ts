import type { SymbolMoments } from '@semcast/bundle';
import { meanPower, tensor, type ChannelState, type ComplexVector, type Tensor } from '@semcast/core';
import {
  deinterleave,
  deinterleaveReal,
  equalise,
  interleave,
  latentToSymbols,
  limitedCsnrDb,
  symbolCount,
  symbolsToLatent,
  type Demodulated,
  type LatentLayout,
  type Modem,
  type ReceivedSymbols,
  type SymbolStatistics,
} from '@semcast/phy';
import type { KnownChannel } from '@semcast/posterior';
import { readIq, type FrameHead, FrameDropError } from '@semcast/wire';
import type { ReceivedFrame } from './receive-frame.js';

/** Beyond this mean power, squares of samples would leave float32's range. */
const MAX_MEAN_POWER = 1e30;

/** Channel SNRs of one frame, in dB per complex symbol. */
export interface ObservedCsnr {
  /** The SNR that the channel was set to, where it said so. */
  readonly configured?: number;
  /** mean|h|²/N0 over this frame, where the receiver has genie channel state. */
  readonly measured?: number;
  /** After equalisation, where the gains are those of genie channel state. */
  readonly effective?: number;
  /** From the samples alone: after equalisation by pilots, or blindly; null where `effective` is known. */
  readonly estimated: number | null;
}

/** The input of a decoder: the received symbols, and the latent estimated from them. */
export interface DemodulatedFrame extends FrameHead {
  readonly layout: LatentLayout;
  /** ẑ as a latent [1, C, h, w]: equalised, in the encoder's order, zero in channels that were not sent. */
  readonly latent: Tensor;
  /** y, h and N0 of each symbol, in the order in which they were sent (another than the latent's where they were interleaved). */
  readonly symbols: Demodulated;
  /** With which they were demodulated; its equaliser made `latent`. */
  readonly modem: Modem;
  /** What is known of the symbols, in the order of `symbols`, where the bundle tells it and they were interleaved. */
  readonly statistics?: SymbolStatistics;
  readonly csnrDb: ObservedCsnr;
  /** The CSNR that networks are conditioned on, in dB: the effective CSNR where it is known, else the estimated one. */
  readonly toldCsnrDb: number;
}

/** Whether h and N0 were told or estimated, not assumed. */
export function knowsChannel({ symbols }: Pick<DemodulatedFrame, 'symbols'>): boolean {
  return symbols.source !== 'assumed';
}

/**
 * From received samples to a latent: demodulate, equalise, undo the interleaver, lay the symbols out as the encoder had
 * them.
 *
 * The waveform's demodulator takes h and N0 from its pilots where it has some, or from what is known of the codec's
 * symbols, else from genie channel state, which travels in the frame, and assumes h = 1 where there is none of these.
 *
 * @throws FrameDropError `invalid-frame` when the samples or gains are no ordinary numbers
 */
export function demodulateFrame(received: ReceivedFrame): DemodulatedFrame {
  const { head, modem, layout, moments, latentHeight, latentWidth } = received;
  const { samples, channel } = readIq(received);
  checkFinite('samples', samples);
  for (const { gains } of channel?.taps ?? []) {
    checkFinite('gains', gains.values);
  }
  const { interleaved } = head;
  const blind = modem.blind && moments !== undefined ? statisticsOf(moments, layout, interleaved) : undefined;
  const symbols = modem.demodulate(samples, head.channelUses, channel, blind);
  // Without the interleaver one fade may take all symbols of a channel of the latent, and no unbiased estimate be left.
  const spread = interleaved && symbols.h !== null && moments !== undefined && modem.weighsSymbols;
  const statistics = spread ? (blind ?? statisticsOf(moments, layout, interleaved)) : undefined;
  const { symbols: equalised, csnrDb } = equalise(symbols, modem.equaliser, statistics);
  const ordered = interleaved ? deinterleave(equalised) : equalised;
  const configured = head.impairment === undefined ? {} : { configured: head.impairment.snrDb };
  return {
    ...head,
    layout,
    latent: tensor(symbolsToLatent(ordered, layout), [1, layout.channels, latentHeight, latentWidth]),
    symbols,
    modem,
    ...(statistics && { statistics }),
    csnrDb: {
      ...configured,
      ...(channel === null ? {} : { measured: measuredCsnrDb(channel) }),
      ...(symbols.source === 'told' ? { effective: csnrDb, estimated: null } : { estimated: csnrDb }),
    },
    toldCsnrDb: csnrDb,
  };
}

/** y, h and N of each symbol, in the order in which the transmitter's codec gave them. */
export function symbolsInOrder({ symbols, interleaved }: DemodulatedFrame): ReceivedSymbols {
  const { y, h, noiseVariance } = symbols;
  return interleaved
    ? { y: deinterleave(y), h: h === null ? null : deinterleave(h), noiseVariance: deinterleaveReal(noiseVariance) }
    : { y, h, noiseVariance };
}

/** What is known of each symbol, in the order in which they were sent. */
function statisticsOf({ mean, variance }: SymbolMoments, layout: LatentLayout, interleaved: boolean): SymbolStatistics {
  const { channels, positions } = layout;
  const sent = (ofChannel: (channel: number) => number): ComplexVector => {
    const latent = Float32Array.from({ length: channels * positions }, (_, i) => ofChannel(Math.floor(i / positions)));
    const symbols = latentToSymbols(latent, layout);
    return interleaved ? interleave(symbols) : symbols;
  };
  const variances = sent((channel) => variance[channel >> 1] ?? 0);
  return {
    mean: sent((channel) => mean[channel] ?? 0),
    variance: Float64Array.from({ length: variances.length / 2 }, (_, k) => variances[2 * k]!),
  };
}

/** mean|h|²/N0 in dB, for symbols of unit power; of all paths together. */
function measuredCsnrDb({ taps, noiseVariance }: ChannelState): number {
  const power = taps === null ? 1 : taps.reduce((sum, { gains }) => sum + meanPower(gains.values), 0);
  return limitedCsnrDb(power / noiseVariance);
}

/** The CSNRs of a result: estimated, with the channel that its decoder found, where it found one. */
export function csnrFound({ csnrDb, layout }: DemodulatedFrame, channel: KnownChannel | undefined): ObservedCsnr {
  if (channel === undefined || csnrDb.estimated === null) {
    return csnrDb;
  }
  const { gain, noiseVariance } = channel;
  // A part of h is real, so its mean power is half of what it is of complex numbers.
  const partPower = ({ data }: Tensor): number => meanPower(data.subarray(0, symbolCount(layout))) / 2;
  const power = gain === null ? 1 : partPower(gain.real) + partPower(gain.imaginary);
  return { ...csnrDb, estimated: limitedCsnrDb(power / noiseVariance) };
}

/** NaN fails every comparison, so one line finds NaN, infinities and absurd magnitudes. */
function checkFinite(what: string, values: ComplexVector): void {
  if (!(meanPower(values) <= MAX_MEAN_POWER)) {
    throw new FrameDropError('invalid-frame', `the ${what} of the frame are not all finite and of ordinary size`);
  }
}
