import { describe, expect, it } from 'vitest';
import { ArgumentError } from './errors.js';
import { randomFor } from './random.js';
import { powerSpectrum } from './spectrum.js';

const BINS = 64;

function tone(cyclesPerSample: number, count: number): Float32Array {
  return Float32Array.from({ length: 2 * count }, (_, i) => {
    const angle = 2 * Math.PI * cyclesPerSample * (i >> 1);
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
}

describe('powerSpectrum', () => {
  it('of white samples is their power in each bin', () => {
    const samples = new Float32Array(2 * 2 ** 16);
    randomFor({ seed: 4, stream: 'spectrum', frame: 0, purpose: 'samples' }).fillNormal(samples, Math.sqrt(3 / 2));
    const density = powerSpectrum(samples, { bins: BINS, maxSegments: 4096 })!;
    expect(density).toHaveLength(BINS);
    // 2047 segments, of which neighbours overlap: a standard deviation of some 2.5 %.
    for (const value of density) {
      expect(Math.abs(value / 3 - 1)).toBeLessThan(0.1);
    }
  });

  it.each([-0.5, -0.25, 0, 0.125])(
    'has a tone of %f cycles a sample in its place, with all of its power',
    (frequency) => {
      const density = powerSpectrum(tone(frequency, 1000), { bins: BINS, maxSegments: 8 })!;
      expect(density.indexOf(Math.max(...density))).toBe((frequency + 0.5) * BINS);
      expect(density.reduce((sum, value) => sum + value, 0) / BINS).toBeCloseTo(1, 6);
    },
  );

  it('needs as many samples as bins', () => {
    expect(powerSpectrum(tone(0, BINS), { bins: BINS, maxSegments: 8 })).not.toBeNull();
    expect(powerSpectrum(tone(0, BINS - 1), { bins: BINS, maxSegments: 8 })).toBeNull();
    expect(() => powerSpectrum(new Float32Array(129), { bins: BINS, maxSegments: 8 })).toThrow(ArgumentError);
  });
});
