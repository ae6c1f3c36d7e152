import { complexCount, randomFor } from '@semcast/core';
import { z } from 'zod';
import type { Impairment } from '../impairment.js';
import { rotateSample } from '../rotate.js';

const optionsSchema = z.strictObject({
  linewidthHz: z.number().min(0).max(1e9).default(100).describe("3 dB linewidth of the oscillator's spectrum, in Hz"),
});

/**
 * Phase noise of a free-running oscillator: y_k = z_k·exp(jφ_k), φ_0 = 0, φ_{k+1} - φ_k ~ N(0, 2π·linewidth/sampleRate).
 *
 * A Wiener process, whose carrier has a Lorentzian spectrum: E[exp(j(φ_{k+m} - φ_k))] = exp(-π·linewidth·m/sampleRate)
 * (Demir, Mehrotra, Roychowdhury, "Phase noise in oscillators", IEEE Trans. Circuits Syst. I 47, 2000).
 */
export const phaseNoise = {
  name: 'phase-noise',
  stage: 'before-noise',
  optionsSchema,
  create:
    ({ linewidthHz }, sampleRateHz) =>
    (samples, { coordinates, purpose }) => {
      const steps = new Float64Array(complexCount(samples));
      randomFor({ ...coordinates, purpose }).fillNormal(steps, Math.sqrt((2 * Math.PI * linewidthHz) / sampleRateHz));
      let phaseRad = 0;
      for (let i = 0; i < samples.length; i += 2) {
        rotateSample(samples, i, phaseRad);
        phaseRad += steps[i / 2]!;
      }
      return samples;
    },
} as const satisfies Impairment<typeof optionsSchema>;
