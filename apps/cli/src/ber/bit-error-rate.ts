import {
  berRician,
  channelModels,
  createChannel,
  gaussianTail,
  type Channel,
  type ChannelConfig,
  type ChannelModel,
} from '@semcast/channel-models';
import { powerToDb, randomFor, type ComplexVector } from '@semcast/core';
import type { Modem } from '@semcast/phy';

/** Bits of a QPSK symbol. */
const BITS = 2;

/** Noise that differs from symbol to symbol by more than this share isn't what closed forms are about. */
const EVEN = 1e-3;

export interface BitErrorRun {
  readonly channel: ChannelConfig;
  readonly modem: Modem;
  readonly frames: number;
  /** Symbols of one frame. */
  readonly symbols: number;
}

/** Bit error rates of Gray-mapped QPSK at one mean Eb/N0. */
export interface BitErrorRow {
  readonly ebN0Db: number;
  readonly bits: number;
  readonly errors: number;
  readonly ber: number;
  /** Of `ber`, from the frames: each is of a stream of its own, so they are independent. */
  readonly standardError: number;
  /** What the channel state that the receiver has leads one to expect: mean Q(√(|h|²/N)) over the symbols. */
  readonly expected: number;
  /** The closed form for the model's fading; null where symbols differ in noise, as with echoes or the received power. */
  readonly theory: number | null;
}

/** Send random QPSK through a channel, decide by the sign of h*·y, part by part, and count. */
export function bitErrorRow({ channel: config, modem, frames, symbols }: BitErrorRun, ebN0Db: number): BitErrorRow {
  const snrDb = ebN0Db + powerToDb(BITS);
  const channel: Channel = createChannel({ ...config, snr: { name: 'constant', snrDb }, loss: 0 });
  const rates = new Float64Array(frames);
  const noise = { least: Infinity, most: 0 };
  let expected = 0;
  for (let frame = 0; frame < frames; frame++) {
    const id = { stream: `ber-${frame}`, frame };
    const sent = randomQpsk(symbols, config.seed, id);
    const outcome = channel.impairFrame(modem.modulate(sent), id);
    if (outcome.lost) {
      continue;
    }
    const { y, h, noiseVariance } = modem.demodulate(outcome.samples, symbols, outcome.channel);
    let errors = 0;
    for (let k = 0, i = 0; k < symbols; k++, i += 2) {
      const gainI = h?.[i] ?? 1;
      const gainQ = h?.[i + 1] ?? 0;
      const decidedI = gainI * y[i]! + gainQ * y[i + 1]!;
      const decidedQ = gainI * y[i + 1]! - gainQ * y[i]!;
      errors += Number(decidedI > 0 !== sent[i]! > 0) + Number(decidedQ > 0 !== sent[i + 1]! > 0);
      const variance = noiseVariance[k]!;
      expected += gaussianTail(Math.sqrt((gainI * gainI + gainQ * gainQ) / variance));
      noise.least = Math.min(noise.least, variance);
      noise.most = Math.max(noise.most, variance);
    }
    rates[frame] = errors / (BITS * symbols);
  }
  const ber = rates.reduce((sum, rate) => sum + rate, 0) / frames;
  const squares = rates.reduce((sum, rate) => sum + (rate - ber) ** 2, 0);
  const bits = BITS * symbols * frames;
  return {
    ebN0Db,
    bits,
    errors: Math.round(ber * bits),
    ber,
    standardError: Math.sqrt(squares / Math.max(1, frames - 1) / frames),
    expected: expected / (symbols * frames),
    theory: noise.most <= noise.least * (1 + EVEN) ? theoryOf(config, 1 / (BITS * noise.most)) : null,
  };
}

/** The closed form for symbols that each meet one gain of the model's fading. */
function theoryOf({ model: { name, ...options } }: ChannelConfig, ebN0: number): number {
  const model: ChannelModel = channelModels[name];
  return berRician(ebN0, model.kFactor(options));
}

/** Unit-power QPSK of random bits. */
function randomQpsk(
  count: number,
  seed: number,
  id: { readonly stream: string; readonly frame: number },
): ComplexVector {
  const random = randomFor({ ...id, seed, purpose: 'qpsk' });
  return new Float32Array(2 * count).map(() => (random.uniform() < 0.5 ? Math.SQRT1_2 : -Math.SQRT1_2));
}

/** How many standard errors a measured rate is off its closed form. */
export function deviationOf({ ber, standardError, theory }: BitErrorRow): number | null {
  return theory === null || standardError === 0 ? null : (ber - theory) / standardError;
}
