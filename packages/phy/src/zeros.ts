const MAX_ITERATIONS = 200;

/** Zeros move by less than this share of their distance from 0 when they are found. */
const TOLERANCE = 1e-10;

type Complex = readonly [re: number, im: number];

/**
 * The channels that differ from one by a zero of Σ_l h_l·x^l that is mirrored at the unit circle, z to 1/z*. On the unit
 * circle, where carriers are, they have the same |H|: (x - z)·q(x) becomes (1 - z*·x)·q(x).
 *
 * @param taps h_l, complex, two at least
 * @returns as many taps each, one channel for each zero; fewer where the last taps are 0
 */
export function mirrorZeros(taps: Float64Array): Float64Array[] {
  const coefficients = Array.from({ length: taps.length / 2 }, (_, l): Complex => [taps[2 * l]!, taps[2 * l + 1]!]);
  return zerosOf(coefficients).map(([zI, zQ]) => {
    const mirrored = new Float64Array(taps.length);
    // q by synthetic division, from the highest power down; each q_l·x^l adds q_l to tap l and -z*·q_l to tap l + 1.
    let [qI, qQ] = [0, 0];
    for (let l = coefficients.length - 2; l >= 0; l--) {
      const [cI, cQ] = coefficients[l + 1]!;
      [qI, qQ] = [cI + zI * qI - zQ * qQ, cQ + zI * qQ + zQ * qI];
      mirrored[2 * l]! += qI;
      mirrored[2 * l + 1]! += qQ;
      mirrored[2 * l + 2]! -= zI * qI + zQ * qQ;
      mirrored[2 * l + 3]! -= zI * qQ - zQ * qI;
    }
    return mirrored;
  });
}

/**
 * The zeros of Σ_l c_l·x^l, all at once, by the iteration of Durand and Kerner (Kerner, "Ein Gesamtschrittverfahren zur
 * Berechnung der Nullstellen von Polynomen", Numer. Math. 8, 1966).
 */
function zerosOf(coefficients: readonly Complex[]): Complex[] {
  const degree = coefficients.findLastIndex(([re, im]) => re !== 0 || im !== 0);
  if (degree < 1) {
    return [];
  }
  const last = coefficients[degree]!;
  const monic = coefficients.slice(0, degree).map((c) => divide(c, last));
  const radius = Math.max(Math.hypot(...monic[0]!) ** (1 / degree), Number.EPSILON);
  let zeros = Array.from({ length: degree }, (_, i): Complex => {
    const angle = (2 * Math.PI * i) / degree + 0.4;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  for (let i = 0; i < MAX_ITERATIONS; i++) {
    let moved = 0;
    zeros = zeros.map((zero, k) => {
      const value = monic.reduceRight((sum: Complex, c) => plus(multiply(sum, zero), c), [1, 0]);
      const others = zeros.reduce(
        (product: Complex, other, j) =>
          j === k ? product : multiply(product, [zero[0] - other[0], zero[1] - other[1]]),
        [1, 0],
      );
      const step = divide(value, others);
      moved = Math.max(moved, Math.hypot(...step) / Math.max(Math.hypot(...zero), radius));
      return [zero[0] - step[0], zero[1] - step[1]];
    });
    if (!(moved > TOLERANCE)) {
      break;
    }
  }
  return zeros.filter((zero) => zero.every(Number.isFinite));
}

function plus(a: Complex, b: Complex): Complex {
  return [a[0] + b[0], a[1] + b[1]];
}

function multiply(a: Complex, b: Complex): Complex {
  return [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
}

function divide(a: Complex, b: Complex): Complex {
  const power = b[0] * b[0] + b[1] * b[1];
  return [(a[0] * b[0] + a[1] * b[1]) / power, (a[1] * b[0] - a[0] * b[1]) / power];
}
