import { ArgumentError } from './errors.js';

/** The discrete Fourier transform of one size, in place on interleaved I, Q; neither way is scaled. */
export interface Fft {
  readonly size: number;
  /** X_k = Σ_n x_n·e^(-i2πkn/size). */
  forward(values: Float64Array): void;
  /** x_n = Σ_k X_k·e^(+i2πkn/size): `size` times the inverse. */
  inverse(values: Float64Array): void;
}

/** One pass over all values: `radix` transforms of a part become one. */
type Stage = (from: Float64Array, to: Float64Array) => void;

/**
 * A transform of any size from 1: mixed radix 4, 2 and odd primes, in the order of Stockham, which needs no permutation
 * (Van Loan, "Computational Frameworks for the Fast Fourier Transform", 1992, section 1.7). A prime factor p costs p/2
 * complex multiplications by real numbers for each value.
 *
 * @throws ArgumentError when the size is no positive integer
 */
export function createFft(size: number): Fft {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new ArgumentError(`there is no Fourier transform of ${size} values`);
  }
  const roots = rootsOfUnity(size);
  let stride = 1;
  const stages = radicesOf(size).map((radix): Stage => {
    const stage = { radix, stride, parts: size / radix / stride, roots };
    stride *= radix;
    return radix === 4 ? radix4(stage) : radix === 2 ? radix2(stage) : oddRadix(stage);
  });
  const scratch = new Float64Array(2 * size);
  const forward = (values: Float64Array): void => {
    if (values.length !== 2 * size) {
      throw new ArgumentError(`a Fourier transform of ${size} values can't take ${values.length / 2}`);
    }
    let [from, to]: [Float64Array, Float64Array] = [values, scratch];
    for (const stage of stages) {
      stage(from, to);
      [from, to] = [to, from];
    }
    if (from !== values) {
      values.set(from);
    }
  };
  return {
    size,
    forward,
    inverse: (values) => {
      // With real and imaginary parts exchanged before and after, one way is the other.
      exchangeParts(values);
      forward(values);
      exchangeParts(values);
    },
  };
}

/** The prime factors of a size, in ascending order, but that two 2s are one 4. */
function radicesOf(size: number): number[] {
  const radices: number[] = [];
  let rest = size;
  for (let radix = 4; rest > 1; radix = radix === 4 ? 2 : radix === 2 ? 3 : radix + 2) {
    for (; rest % radix === 0; rest /= radix) {
      radices.push(radix);
    }
  }
  return radices;
}

/** e^(-i2πk/size), k = 0 … size - 1. */
function rootsOfUnity(size: number): Float64Array {
  const roots = new Float64Array(2 * size);
  for (let k = 0; k < size; k++) {
    const angle = (-2 * Math.PI * k) / size;
    roots[2 * k] = Math.cos(angle);
    roots[2 * k + 1] = Math.sin(angle);
  }
  return roots;
}

function exchangeParts(values: Float64Array): void {
  for (let i = 0; i < values.length; i += 2) {
    const real = values[i]!;
    values[i] = values[i + 1]!;
    values[i + 1] = real;
  }
}

interface StageSizes {
  readonly radix: number;
  /** Values that were transformed together with each other in the stages before. */
  readonly stride: number;
  /** size / (radix·stride). */
  readonly parts: number;
  readonly roots: Float64Array;
}

function radix2({ stride, parts, roots }: StageSizes): Stage {
  const half = 2 * stride * parts;
  return (from, to) => {
    for (let part = 0; part < parts; part++) {
      const wR = roots[2 * part * stride]!;
      const wI = roots[2 * part * stride + 1]!;
      let i = 2 * stride * part;
      let o = 2 * i;
      for (let k = 0; k < stride; k++, i += 2, o += 2) {
        const aR = from[i]!;
        const aI = from[i + 1]!;
        const bR = from[i + half]!;
        const bI = from[i + half + 1]!;
        to[o] = aR + bR;
        to[o + 1] = aI + bI;
        const dR = aR - bR;
        const dI = aI - bI;
        to[o + 2 * stride] = dR * wR - dI * wI;
        to[o + 2 * stride + 1] = dR * wI + dI * wR;
      }
    }
  };
}

function radix4({ stride, parts, roots }: StageSizes): Stage {
  const quarter = 2 * stride * parts;
  const step = 2 * stride;
  return (from, to) => {
    for (let part = 0; part < parts; part++) {
      const root = part * step;
      const w1R = roots[root]!;
      const w1I = roots[root + 1]!;
      const w2R = roots[2 * root]!;
      const w2I = roots[2 * root + 1]!;
      const w3R = roots[3 * root]!;
      const w3I = roots[3 * root + 1]!;
      let i = root;
      let o = 4 * root;
      for (let k = 0; k < stride; k++, i += 2, o += 2) {
        const aR = from[i]!;
        const aI = from[i + 1]!;
        const bR = from[i + quarter]!;
        const bI = from[i + quarter + 1]!;
        const cR = from[i + 2 * quarter]!;
        const cI = from[i + 2 * quarter + 1]!;
        const dR = from[i + 3 * quarter]!;
        const dI = from[i + 3 * quarter + 1]!;
        const acR = aR + cR;
        const acI = aI + cI;
        const bdR = bR + dR;
        const bdI = bI + dI;
        const eR = aR - cR;
        const eI = aI - cI;
        // i·(b - d)
        const fR = dI - bI;
        const fI = bR - dR;
        to[o] = acR + bdR;
        to[o + 1] = acI + bdI;
        const xR = eR - fR;
        const xI = eI - fI;
        to[o + step] = xR * w1R - xI * w1I;
        to[o + step + 1] = xR * w1I + xI * w1R;
        const yR = acR - bdR;
        const yI = acI - bdI;
        to[o + 2 * step] = yR * w2R - yI * w2I;
        to[o + 2 * step + 1] = yR * w2I + yI * w2R;
        const zR = eR + fR;
        const zI = eI + fI;
        to[o + 3 * step] = zR * w3R - zI * w3I;
        to[o + 3 * step + 1] = zR * w3I + zI * w3R;
      }
    }
  };
}

/**
 * The butterfly of any odd radix. Inputs j and radix - j meet conjugate roots, so their sum needs the cosine and their
 * difference the sine alone, and outputs t and radix - t share both.
 */
function oddRadix({ radix, stride, parts, roots }: StageSizes): Stage {
  const half = (radix - 1) / 2;
  const apart = 2 * stride * parts;
  const rootStep = stride * parts;
  const sums = new Float64Array(2 * (half + 1));
  const differences = new Float64Array(2 * (half + 1));
  return (from, to) => {
    for (let part = 0; part < parts; part++) {
      for (let k = 0; k < stride; k++) {
        const i = 2 * (k + stride * part);
        const o = 2 * (k + stride * radix * part);
        const firstR = from[i]!;
        const firstI = from[i + 1]!;
        let allR = firstR;
        let allI = firstI;
        for (let j = 1; j <= half; j++) {
          const near = i + j * apart;
          const far = i + (radix - j) * apart;
          const sumR = from[near]! + from[far]!;
          const sumI = from[near + 1]! + from[far + 1]!;
          sums[2 * j] = sumR;
          sums[2 * j + 1] = sumI;
          differences[2 * j] = from[near]! - from[far]!;
          differences[2 * j + 1] = from[near + 1]! - from[far + 1]!;
          allR += sumR;
          allI += sumI;
        }
        to[o] = allR;
        to[o + 1] = allI;
        for (let t = 1; t <= half; t++) {
          let evenR = firstR;
          let evenI = firstI;
          // i times the sum of differences times sines
          let oddR = 0;
          let oddI = 0;
          for (let j = 1, turn = t; j <= half; j++, turn = turn + t >= radix ? turn + t - radix : turn + t) {
            const cosine = roots[2 * turn * rootStep]!;
            const sine = roots[2 * turn * rootStep + 1]!;
            evenR += cosine * sums[2 * j]!;
            evenI += cosine * sums[2 * j + 1]!;
            oddR -= sine * differences[2 * j + 1]!;
            oddI += sine * differences[2 * j]!;
          }
          storeTurned(to, o + 2 * stride * t, evenR + oddR, evenI + oddI, roots, 2 * part * t * stride);
          const mirrored = radix - t;
          storeTurned(to, o + 2 * stride * mirrored, evenR - oddR, evenI - oddI, roots, 2 * part * mirrored * stride);
        }
      }
    }
  };
}

function storeTurned(
  to: Float64Array,
  at: number,
  real: number,
  imaginary: number,
  roots: Float64Array,
  root: number,
): void {
  to[at] = real * roots[root]! - imaginary * roots[root + 1]!;
  to[at + 1] = real * roots[root + 1]! + imaginary * roots[root]!;
}
