/**
 * Random numbers that are a pure function of (seed, stream, frame, purpose).
 *
 * Two layers. A counter-based generator, Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
 * as 1, 2, 3", SC'11), turns the four coordinates of a draw into 128 well-mixed bits, so any frame's noise can be
 * had without drawing that of the frames before it. Those bits seed xoshiro128++ (Blackman, Vigna 2021), which is
 * several times faster in JavaScript and serves the thousands of draws within one frame.
 *
 * The sequences are part of the contract: results of last month must be had again bit for bit, so a test holds them
 * to recorded digests. All arithmetic is on integers or on correctly rounded doubles but for the logarithms and
 * exponentials of the 1.2 % of normal numbers outside the ziggurat's rectangles, which are those of the JavaScript
 * engine (V8 computes them in software, alike on every machine).
 */

const PHILOX_M0 = 0xd2511f53;
const PHILOX_M1 = 0xcd9e8d57;
const PHILOX_W0 = 0x9e3779b9;
const PHILOX_W1 = 0xbb67ae85;

/** The high 32 bits of the product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const middleLow = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(middleLow / 0x10000)) >>> 0;
}

/**
 * One block of Philox4x32-10: 128 random bits from a 128-bit counter and a 64-bit key.
 *
 * Matches the known-answer vectors of the reference implementation (Random123, kat_vectors).
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(PHILOX_M0, c0);
    const low0 = Math.imul(PHILOX_M0, c0) >>> 0;
    const high1 = multiplyHigh(PHILOX_M1, c2);
    const low1 = Math.imul(PHILOX_M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + PHILOX_W0) >>> 0;
    k1 = (k1 + PHILOX_W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

const encoder = new TextEncoder();

/** FNV-1a, 32 bits: the bytes of names of streams and purposes become words of a counter. */
function hashBytes(bytes: Uint8Array, basis: number): number {
  let hash = basis;
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  }
  return hash >>> 0;
}

/** What a draw belongs to. Equal coordinates give equal numbers, on any machine, in any order. */
export interface DrawCoordinates {
  /** Experiment seed, an integer from 0 to 2^53 - 1. */
  readonly seed: number;
  /** Stream id. */
  readonly stream: string;
  /** Frame number within the stream, an integer from 0 to 2^53 - 1. */
  readonly frame: number;
  /** What is drawn ('noise', 'fading', …), so that two draws of one frame are independent. */
  readonly purpose: string;
}

const ZIGGURAT_LAYERS = 256;
const ZIGGURAT_R = 3.6541528853610088;
const ZIGGURAT_V = 0.00492867323399;

/**
 * Tables of the 256-layer ziggurat for the standard normal (Marsaglia, Tsang 2000; Doornik 2005).
 *
 * A draw is a layer i and a 24-bit signed integer k, of value (k + ½)·2^-23·x[i] where x[i] is the right edge of the
 * layer; `scale[i]` is 2^-23·x[i], `f[i]` is exp(-x[i]²/2). It is accepted at once when |k + ½|·2^-23 < x[i+1]/x[i],
 * that is when k (or ~k, for negative k) is below `inside[i]`: one integer comparison and one multiplication in
 * 98.8 % of draws.
 */
const ziggurat = (() => {
  const x = new Float64Array(ZIGGURAT_LAYERS + 1);
  x[0] = ZIGGURAT_V / Math.exp(-0.5 * ZIGGURAT_R * ZIGGURAT_R);
  x[1] = ZIGGURAT_R;
  for (let i = 2; i < ZIGGURAT_LAYERS; i++) {
    const previous = x[i - 1]!;
    x[i] = Math.sqrt(-2 * Math.log(ZIGGURAT_V / previous + Math.exp(-0.5 * previous * previous)));
  }
  x[ZIGGURAT_LAYERS] = 0;
  return {
    f: x.map((edge) => Math.exp(-0.5 * edge * edge)),
    scale: x.map((edge) => edge * 2 ** -23),
    inside: Int32Array.from({ length: ZIGGURAT_LAYERS }, (_, i) => Math.ceil((x[i + 1]! / x[i]!) * 2 ** 23 - 0.5)),
  };
})();

/** A sequence of random numbers. Not shared between draws: make one with {@link randomFor} where it is used. */
export class RandomSource {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param state four 32-bit words, not all zero. */
  constructor(state: readonly [number, number, number, number]) {
    [this.#a, this.#b, this.#c, this.#d] = [state[0] | 0, state[1] | 0, state[2] | 0, state[3] | 0];
    if ((this.#a | this.#b | this.#c | this.#d) === 0) {
      this.#a = 1;
    }
  }

  /** An integer, uniform on 0 … 2^32 - 1 (xoshiro128++). */
  uint32(): number {
    return this.#int32() >>> 0;
  }

  /** A number, uniform on [0, 1), with 32 random bits. */
  uniform(): number {
    return this.uint32() * 2 ** -32;
  }

  /** A standard normal number. */
  normal(): number {
    for (;;) {
      const bits = this.#int32();
      // 24 bits make the value, the low 8 choose the layer: no bit serves twice.
      const layer = bits & 0xff;
      const k = bits >> 8;
      if ((k ^ (k >> 31)) < ziggurat.inside[layer]!) {
        return (k + 0.5) * ziggurat.scale[layer]!;
      }
      const value = this.#normalOutside(layer, k);
      if (value !== undefined) {
        return value;
      }
    }
  }

  /** Fill `out` with independent normal numbers of mean 0 and the given standard deviation. */
  fillNormal(out: Float32Array | Float64Array, standardDeviation = 1): void {
    out.fill(0);
    this.addNormal(out, standardDeviation);
  }

  /**
   * Add independent normal numbers of mean 0 and the given standard deviation to `out`: the same numbers, in the
   * same order, as {@link normal} would give.
   */
  addNormal(out: Float32Array | Float64Array, standardDeviation = 1): void {
    // The loop of normal() and #int32() by hand, with the generator's state in local variables: more than twice as
    // fast, because nothing is written to the object between two numbers.
    const { inside, scale } = ziggurat;
    let [a, b, c, d] = [this.#a, this.#b, this.#c, this.#d];
    for (let i = 0; i < out.length;) {
      const sum = (a + d) | 0;
      const bits = (((sum << 7) | (sum >>> 25)) + a) | 0;
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = (d << 11) | (d >>> 21);
      const layer = bits & 0xff;
      const k = bits >> 8;
      if ((k ^ (k >> 31)) < inside[layer]!) {
        out[i]! += standardDeviation * ((k + 0.5) * scale[layer]!);
        i++;
      } else {
        [this.#a, this.#b, this.#c, this.#d] = [a, b, c, d];
        const value = this.#normalOutside(layer, k);
        [a, b, c, d] = [this.#a, this.#b, this.#c, this.#d];
        if (value !== undefined) {
          out[i]! += standardDeviation * value;
          i++;
        }
      }
    }
    [this.#a, this.#b, this.#c, this.#d] = [a, b, c, d];
  }

  /**
   * The 1.2 % of draws that fall outside the rectangle within a layer; undefined when one must be drawn afresh. A
   * method of its own, so that the common path stays small enough to be inlined.
   */
  #normalOutside(layer: number, k: number): number | undefined {
    const { f, scale } = ziggurat;
    if (layer === 0) {
      return this.#normalTail(k < 0);
    }
    const candidate = (k + 0.5) * scale[layer]!;
    const height = f[layer]! + this.uniform() * (f[layer + 1]! - f[layer]!);
    return height < Math.exp(-0.5 * candidate * candidate) ? candidate : undefined;
  }

  #int32(): number {
    const sum = (this.#a + this.#d) | 0;
    const result = (((sum << 7) | (sum >>> 25)) + this.#a) | 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** The tail beyond ±R (Marsaglia 1964). */
  #normalTail(negative: boolean): number {
    for (;;) {
      const x = -Math.log(1 - this.uniform()) / ZIGGURAT_R;
      const y = -Math.log(1 - this.uniform());
      if (2 * y > x * x) {
        return negative ? -(ZIGGURAT_R + x) : ZIGGURAT_R + x;
      }
    }
  }
}

/** The random numbers of one draw; the same coordinates always give the same sequence. */
export function randomFor({ seed, stream, frame, purpose }: DrawCoordinates): RandomSource {
  const key: [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  const name = encoder.encode(`${stream}\u0000${purpose}`);
  const counter: [number, number, number, number] = [
    frame >>> 0,
    Math.floor(frame / 2 ** 32) >>> 0,
    hashBytes(name, 0x811c9dc5),
    hashBytes(name, 0x9747b28c),
  ];
  return new RandomSource(philox4x32(counter, key));
}
