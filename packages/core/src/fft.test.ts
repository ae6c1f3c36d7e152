import { describe, expect, it } from 'vitest';
import { ArgumentError } from './errors.js';
import { createFft } from './fft.js';
import { randomFor } from './random.js';

const SIZES = [1, ...Array.from({ length: 63 }, (_, i) => i + 2), 97, 256, 600];

function randomValues(size: number): Float64Array {
  const values = new Float64Array(2 * size);
  randomFor({ seed: 3, stream: 'fft', frame: size, purpose: 'values' }).fillNormal(values);
  return values;
}

/** The definition, term by term. */
function directTransform(values: Float64Array, sign: 1 | -1): Float64Array {
  const size = values.length / 2;
  return Float64Array.from({ length: 2 * size }, (_, i) => {
    let sum = 0;
    for (let n = 0; n < size; n++) {
      const angle = (sign * 2 * Math.PI * (((i >> 1) * n) % size)) / size;
      const [real, imaginary] = [values[2 * n]!, values[2 * n + 1]!];
      sum +=
        i % 2 === 0
          ? real * Math.cos(angle) - imaginary * Math.sin(angle)
          : real * Math.sin(angle) + imaginary * Math.cos(angle);
    }
    return sum;
  });
}

const farthest = (a: Float64Array, b: Float64Array): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

describe('createFft', () => {
  it.each(SIZES)('is the direct transform of %i values, both ways', (size) => {
    const fft = createFft(size);
    const values = randomValues(size);
    for (const way of ['forward', 'inverse'] as const) {
      const transformed = values.slice();
      fft[way](transformed);
      expect(farthest(transformed, directTransform(values, way === 'forward' ? -1 : 1))).toBeLessThan(1e-12 * size);
    }
  });

  it('goes back and forth, and keeps nothing of what it did before', () => {
    const fft = createFft(2 * 3 * 4 * 49);
    const values = randomValues(fft.size);
    fft.forward(randomValues(fft.size));
    const twice = values.slice();
    fft.forward(twice);
    fft.inverse(twice);
    expect(
      farthest(
        twice,
        values.map((value) => value * fft.size),
      ),
    ).toBeLessThan(1e-10);
  });

  it('refuses a size that is none, and values of another size', () => {
    for (const size of [0, -4, 2.5, Number.NaN]) {
      expect(() => createFft(size)).toThrow(ArgumentError);
    }
    expect(() => createFft(4).forward(new Float64Array(6))).toThrow(ArgumentError);
  });
});
