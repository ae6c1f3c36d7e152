import { randomFor, tensor } from '@semcast/core';
import { createModem, interleave, latentToSymbols, type Demodulated } from '@semcast/phy';
import { checkObservation, type ComplexGain } from '@semcast/posterior';
import { describe, expect, it } from 'vitest';
import type { DemodulatedFrame } from './demodulate-frame.js';
import { LEAST_NOISE_VARIANCE, posteriorObservation } from './posterior-observation.js';

const layout = { channels: 6, positions: 6, activeChannels: 4 };
const manifest = { csnrDb: { min: 0, max: 20 } };
const xJ = tensor(new Float32Array(3 * 8 * 12), [3, 8, 12]);

/** z of 2 pairs of channels at 2×3 positions: [6, 2, 3], the last two channels not sent. */
const latent = new Float32Array(36);
randomFor({ seed: 1, stream: 's', frame: 0, purpose: 'latent' }).fillNormal(latent);
latent.fill(0, 24);
const symbols = latentToSymbols(latent, layout);

function demodulated(received: Partial<Demodulated>, changes: Partial<DemodulatedFrame> = {}): DemodulatedFrame {
  return {
    layout,
    latent: tensor(new Float32Array(36), [1, 6, 2, 3]),
    symbols: { y: symbols, h: null, noiseVariance: new Float64Array(12).fill(0.1), source: 'told', ...received },
    interleaved: false,
    toldCsnrDb: 10,
    designCsnrDb: 5,
    ...changes,
  } as DemodulatedFrame;
}

describe('posteriorObservation', () => {
  it.each([false, true])("is what came, not equalised, in the encoder's order (interleaved: %s)", (interleaved) => {
    const y = interleaved ? interleave(symbols) : symbols;
    const received = posteriorObservation(demodulated({ y }, { interleaved }), xJ, manifest);
    expect(received).toMatchObject({ gain: null, activeChannels: 4, noiseVariance: 0.1, csnrDb: 10, designCsnrDb: 5 });
    expect(received.y).toEqual(tensor(latent, [6, 2, 3]));
    expect(received.rate).toBeCloseTo(2 / 3, 12);
    expect(() => checkObservation(received)).not.toThrow();
  });

  it.each([false, true])('has for each symbol the gain that it met (interleaved: %s)', (interleaved) => {
    const values = new Float32Array(24);
    randomFor({ seed: 1, stream: 's', frame: 0, purpose: 'gains' }).fillNormal(values);
    const air = interleaved ? interleave(symbols) : symbols;
    const samples = air.map((_, i) => {
      const k = i - (i % 2);
      const [hI, hQ, zI, zQ] = [values[k]!, values[k + 1]!, air[k]!, air[k + 1]!];
      return i % 2 === 0 ? hI * zI - hQ * zQ : hI * zQ + hQ * zI;
    });
    const frame = demodulated({ y: samples, h: values }, { interleaved });
    const { y, gain } = posteriorObservation(frame, xJ, manifest);
    const { real, imaginary } = gain as ComplexGain;
    // y = h⊙z, channel pair by channel pair.
    for (let pair = 0; pair < 2; pair++) {
      for (let p = 0; p < 6; p++) {
        const [hI, hQ] = [real.data[6 * pair + p]!, imaginary.data[6 * pair + p]!];
        const [zI, zQ] = [latent[12 * pair + p]!, latent[12 * pair + 6 + p]!];
        expect(y.data[12 * pair + p]).toBeCloseTo(hI * zI - hQ * zQ, 5);
        expect(y.data[12 * pair + 6 + p]).toBeCloseTo(hI * zQ + hQ * zI, 5);
      }
    }
    expect(real.dims).toEqual([3, 2, 3]);
  });

  it('has noise of one variance where symbols met several, and weighs them by it', () => {
    const noiseVariance = new Float64Array(12).fill(0.4).fill(0.1, 0, 6);
    const { y, gain, noiseVariance: common } = posteriorObservation(demodulated({ noiseVariance }), xJ, manifest);
    expect(common).toBe(0.4);
    // Half of them are the first pair of channels.
    expect([y.data[0], y.data[12]]).toEqual([Math.fround(2 * latent[0]!), latent[12]]);
    expect([gain!.real.data[0], gain!.real.data[6], gain!.imaginary.data[0]]).toEqual([2, 1, 0]);
  });

  it.each([false, true])(
    'tells the carrier of each symbol of the latent where the channel was estimated (interleaved: %s)',
    (interleaved) => {
      const modem = createModem('ofdm', { fftSize: 8, prefix: 2, pilots: 'none', estimator: 'blind' });
      const onAir = modem.tapModel(12).carriers;
      const mean = Float32Array.from({ length: 24 }, (_, i) => i);
      const variance = Float64Array.from({ length: 12 }, (_, k) => k + 1);
      const sent = { mean: interleave(mean), variance: interleave(mean).map((value) => value / 2 + 1) };
      const onlyInterleaved = interleaved && {
        statistics: { mean: sent.mean, variance: Float64Array.from(variance, (_, k) => sent.variance[2 * k]!) },
      };
      const frame = demodulated({ source: 'estimated' }, { interleaved, modem, ...onlyInterleaved });
      const { taps, statistics } = posteriorObservation(frame, xJ, manifest);
      expect(statistics).toEqual(interleaved ? { mean, variance } : undefined);
      const again = Float32Array.from({ length: 24 }, (_, i) => taps!.carriers[i >> 1]!);
      expect((interleaved ? interleave(again) : again).filter((_, i) => i % 2 === 0)).toEqual(Float32Array.from(onAir));
      expect(taps).toMatchObject({ fftSize: 8, powers: modem.tapModel(1).powers });
      // What was told or assumed is left alone, and so is what has been weighed by the noise.
      for (const source of ['told', 'assumed'] as const) {
        expect(posteriorObservation(demodulated({ source }, { modem }), xJ, manifest)).not.toHaveProperty('taps');
      }
      const noiseVariance = new Float64Array(12).fill(0.4).fill(0.1, 0, 6);
      const uneven = demodulated({ source: 'estimated', noiseVariance }, { modem });
      expect(posteriorObservation(uneven, xJ, manifest)).not.toHaveProperty('taps');
    },
  );

  it('has some noise where there is none, and CSNRs within the range of the networks', () => {
    const extreme = demodulated({ noiseVariance: new Float64Array(12) }, { toldCsnrDb: 100, designCsnrDb: -7 });
    const received = posteriorObservation(extreme, xJ, manifest);
    expect(received).toMatchObject({ noiseVariance: LEAST_NOISE_VARIANCE, csnrDb: 20, designCsnrDb: 0 });
    expect(() => checkObservation(received)).not.toThrow();
  });
});
