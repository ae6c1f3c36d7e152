import { checkGains, complexCount, csnrDbToNoiseVariance } from '@semcast/core';
import { z } from 'zod';
import { estimateCsnrDb } from '../estimate.js';
import { checkSampleCount, type Waveform } from './waveform.js';

const optionsSchema = z.strictObject({});

/**
 * One sample a symbol. Paths without delay add up to h; what comes over later ones is other symbols, of unit power, and
 * counts as noise. A receiver that isn't told the channel takes h for 1 and the noise for that of its estimate.
 */
export const singleCarrier = {
  name: 'single-carrier',
  optionsSchema,
  create: () => ({
    channelState: 'used',
    equaliser: 'mmse',
    samplesFor: (symbolCount) => symbolCount,
    modulate: (symbols) => {
      complexCount(symbols);
      return symbols;
    },
    demodulate: (samples, count, channel) => {
      checkSampleCount(samples, count);
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
    carriers: (symbolCount) => ({ fftSize: 1, carriers: new Uint16Array(symbolCount) }),
  }),
} as const satisfies Waveform<typeof optionsSchema>;
