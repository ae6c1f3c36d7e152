import { randomFor } from '@semcast/core';
import { createChannel, parseChannelConfig, type ChannelModelConfigInput, type ImpairedFrame } from '../src/index.js';

/** Es/N0 of a QPSK symbol, in dB, at a given Eb/N0: two bits a symbol. */
export function symbolSnrDb(ebN0Db: number): number {
  return ebN0Db + 10 * Math.log10(2);
}

export interface BitErrorRun {
  readonly model: ChannelModelConfigInput;
  readonly ebN0Db: number;
  readonly frames: number;
  readonly symbolsPerFrame: number;
  /** Symbols that share a fade: the units whose errors are independent. */
  readonly symbolsPerUnit: number;
}

/** Send random QPSK through a channel, decide with the true gains, and return each unit's share of wrong bits. */
export function bitErrorRates(run: BitErrorRun): Float64Array {
  const { frames, symbolsPerFrame, symbolsPerUnit } = run;
  const channel = createChannel(
    parseChannelConfig({
      model: run.model,
      snr: { name: 'constant', snrDb: symbolSnrDb(run.ebN0Db) },
      seed: 20_260,
    }),
  );
  const unitsPerFrame = symbolsPerFrame / symbolsPerUnit;
  const rates = new Float64Array(frames * unitsPerFrame);
  const sent = new Float32Array(2 * symbolsPerFrame);
  for (let frame = 0; frame < frames; frame++) {
    const bits = randomFor({ seed: 1, stream: 'qpsk', frame, purpose: 'bits' });
    for (let i = 0; i < sent.length; i++) {
      sent[i] = bits.uint32() >>> 31 === 1 ? Math.SQRT1_2 : -Math.SQRT1_2;
    }
    const received = channel.impairFrame(sent, { stream: 'qpsk', frame }) as ImpairedFrame;
    const { samples } = received;
    const gains = received.channel.taps?.[0]?.gains ?? null;
    for (let k = 0; k < symbolsPerFrame; k++) {
      const block = gains === null ? 0 : 2 * Math.floor(k / gains.coherence);
      const gainI = gains?.values[block] ?? 1;
      const gainQ = gains?.values[block + 1] ?? 0;
      const sampleI = samples[2 * k]!;
      const sampleQ = samples[2 * k + 1]!;
      // The sign of h*·y, part by part.
      const wrongI = gainI * sampleI + gainQ * sampleQ > 0 !== sent[2 * k]! > 0;
      const wrongQ = gainI * sampleQ - gainQ * sampleI > 0 !== sent[2 * k + 1]! > 0;
      const unit = frame * unitsPerFrame + Math.floor(k / symbolsPerUnit);
      rates[unit]! += (Number(wrongI) + Number(wrongQ)) / (2 * symbolsPerUnit);
    }
  }
  return rates;
}
