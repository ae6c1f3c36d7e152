import { checkGains, complexCount, csnrDbToNoiseVariance } from '@semcast/core';
import { z } from 'zod';
import { estimateCsnrDb } from '../estimate.js';
import type { TapModel } from '../blind.js';
import { checkSampleCount, demodulateBlindly, type Waveform } from './waveform.js';

const optionsSchema = z.strictObject({
  estimator: z
    .enum(['told', 'blind'])
    .default('told')
    .describe(
      "how the receiver knows the channel: told, else taken for 1; or one gain a frame, from the codec's symbols",
    ),
});

/**
 * One sample a symbol. Paths without delay add up to h; what comes over later ones is other symbols, of unit power, and
 * counts as noise. A receiver that isn't told the channel takes h for 1 and the noise for that of its estimate; with
 * `estimator: blind` it finds one gain for the frame, and the noise, by what is known of the symbols.
 */
export const singleCarrier = {
  name: 'single-carrier',
  optionsSchema,
  create: ({ estimator }) => ({
    channelState: estimator === 'blind' ? 'ignored' : 'used',
    blind: estimator === 'blind',
    equaliser: 'mmse',
    weighsSymbols: true,
    samplesFor: (symbolCount) => symbolCount,
    modulate: (symbols) => {
      complexCount(symbols);
      return symbols;
    },
    demodulate: (samples, count, channel, statistics) => {
      checkSampleCount(samples, count);
      if (estimator === 'blind') {
        return demodulateBlindly(samples, statistics, flatModel(count));
      }
      const variance = channel?.noiseVariance ?? csnrDbToNoiseVariance(estimateCsnrDb(samples));
      const noiseVariance = new Float64Array(count).fill(variance);
      const taps = channel?.taps ?? null;
      if (taps === null) {
        return { y: samples, h: null, noiseVariance, source: channel === null ? 'assumed' : 'told' };
      }
      const h = new Float32Array(2 * count);
      for (const { delay, gains } of taps) {
        checkGains(gains, count);
        const { coherence, values } = gains;
        for (let k = delay; k < count; k++) {
          const block = 2 * Math.floor(k / coherence);
          const gainI = values[block]!;
          const gainQ = values[block + 1]!;
          if (delay === 0) {
            h[2 * k]! += gainI;
            h[2 * k + 1]! += gainQ;
          } else {
            noiseVariance[k]! += gainI * gainI + gainQ * gainQ;
          }
        }
      }
      return { y: samples, h, noiseVariance, source: 'told' };
    },
    tapModel: flatModel,
  }),
} as const satisfies Waveform<typeof optionsSchema>;

function flatModel(symbolCount: number): TapModel {
  return { fftSize: 1, carriers: new Uint16Array(symbolCount), powers: [1] };
}
