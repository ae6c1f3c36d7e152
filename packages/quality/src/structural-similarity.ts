import type { Plane } from './image.js';

/** Side of the Gaussian window, in pixels. A smaller picture has no whole window. */
export const WINDOW_SIZE = 11;
/** Similarities crowd towards one, where a step in the second digit is what one sees. */
export const SIMILARITY_BUCKETS = [
  0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995,
] as const;
const WINDOW_SIGMA = 1.5;
const C1 = (0.01 * 255) ** 2;
/** Keeps flat windows from counting. */
export const C2 = (0.03 * 255) ** 2;

/** The window is the outer product of this with itself; symmetric, so six of the eleven weights tell it all. */
const [w0, w1, w2, w3, w4, w5] = (() => {
  const weights = Array.from({ length: 6 }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * WINDOW_SIGMA ** 2)));
  const sum = weights.reduce((total, weight, i) => total + (i < 5 ? 2 : 1) * weight, 0);
  return weights.map((weight) => weight / sum) as [number, number, number, number, number, number];
})();

export interface StructuralSimilarity {
  /** Mean of luminance · contrast · structure over all windows: SSIM. */
  readonly ssim: number;
  /** Mean of contrast · structure alone: what MS-SSIM takes from every scale but the coarsest. */
  readonly contrastStructure: number;
}

/** Eleven-tap correlation of a row with the window at every whole position. */
function filterRow(row: Float64Array, out: Float64Array, outStart: number, outWidth: number): void {
  for (let x = 0; x < outWidth; x++) {
    out[outStart + x] =
      w5 * row[x + 5]! +
      w4 * (row[x + 4]! + row[x + 6]!) +
      w3 * (row[x + 3]! + row[x + 7]!) +
      w2 * (row[x + 2]! + row[x + 8]!) +
      w1 * (row[x + 1]! + row[x + 9]!) +
      w0 * (row[x]! + row[x + 10]!);
  }
}

/** Moments of two signals in the windows of one row of windows, by their position. */
export interface WindowMoments {
  readonly meanP: Float64Array;
  readonly meanQ: Float64Array;
  /** Population variances. */
  readonly varianceP: Float64Array;
  readonly varianceQ: Float64Array;
}

/**
 * Go through every whole 11×11 Gaussian window (σ 1.5, weights of sum 1), row by row. Rows are filtered once and kept in
 * a ring of eleven, so no map is ever stored.
 *
 * @param width, height of both signals, at least {@link WINDOW_SIZE}
 * @param fillRow gives row y of the signals
 * @param visitRow gets the moments of a row of windows; the arrays are used again for the next
 */
export function eachWindowRow(
  { width, height }: Pick<Plane, 'width' | 'height'>,
  fillRow: (y: number, p: Float64Array, q: Float64Array) => void,
  visitRow: (moments: WindowMoments) => void,
): void {
  const outWidth = width - WINDOW_SIZE + 1;
  const p = new Float64Array(width);
  const q = new Float64Array(width);
  const pp = new Float64Array(width);
  const qq = new Float64Array(width);
  // Row slot r holds the four filtered signals one after the other: p, q, p², q².
  const slotSize = 4 * outWidth;
  const ring = new Float64Array(WINDOW_SIZE * slotSize);
  const moments = {
    meanP: new Float64Array(outWidth),
    meanQ: new Float64Array(outWidth),
    varianceP: new Float64Array(outWidth),
    varianceQ: new Float64Array(outWidth),
  };
  for (let y = 0; y < height; y++) {
    fillRow(y, p, q);
    for (let x = 0; x < width; x++) {
      pp[x] = p[x]! * p[x]!;
      qq[x] = q[x]! * q[x]!;
    }
    const slot = (y % WINDOW_SIZE) * slotSize;
    filterRow(p, ring, slot, outWidth);
    filterRow(q, ring, slot + outWidth, outWidth);
    filterRow(pp, ring, slot + 2 * outWidth, outWidth);
    filterRow(qq, ring, slot + 3 * outWidth, outWidth);
    if (y < WINDOW_SIZE - 1) {
      continue;
    }
    // Oldest row first. The ring has turned exactly once past its oldest row.
    const rows = Array.from({ length: WINDOW_SIZE }, (_, i) => ((y + 1 + i) % WINDOW_SIZE) * slotSize);
    const [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10] = rows as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const column = (i: number): number =>
      w5 * ring[r5 + i]! +
      w4 * (ring[r4 + i]! + ring[r6 + i]!) +
      w3 * (ring[r3 + i]! + ring[r7 + i]!) +
      w2 * (ring[r2 + i]! + ring[r8 + i]!) +
      w1 * (ring[r1 + i]! + ring[r9 + i]!) +
      w0 * (ring[r0 + i]! + ring[r10 + i]!);
    for (let x = 0; x < outWidth; x++) {
      const meanP = column(x);
      const meanQ = column(x + outWidth);
      moments.meanP[x] = meanP;
      moments.meanQ[x] = meanQ;
      moments.varianceP[x] = column(x + 2 * outWidth) - meanP * meanP;
      moments.varianceQ[x] = column(x + 3 * outWidth) - meanQ * meanQ;
    }
    visitRow(moments);
  }
}

/**
 * The means, over every whole 11×11 window, of
 *
 *   luminance = (2·μa·μb + C1) / (μa² + μb² + C1)   and   contrast · structure = (2·σab + C2) / (σa² + σb² + C2)
 *
 * with Gaussian weights (σ 1.5, sum 1), C1 = (0.01·255)², C2 = (0.03·255)²: Wang, Bovik, Sheikh, Simoncelli 2004,
 * "Image quality assessment: from error visibility to structural similarity", eqs. 6, 9 and 13 to 16. Population
 * (co)variances, as in the authors' code.
 *
 * Four filterings instead of five: with s = a + b and d = a - b, σa² + σb² and 2·σab are the half sum and half
 * difference of var(s) and var(d).
 *
 * @param a, b planes of equal size, both sides at least {@link WINDOW_SIZE}
 */
export function structuralSimilarity(a: Plane, b: Plane): StructuralSimilarity {
  const { width, height } = a;
  const outWidth = width - WINDOW_SIZE + 1;
  const outHeight = height - WINDOW_SIZE + 1;
  let ssim = 0;
  let contrastStructure = 0;
  eachWindowRow(
    a,
    (y, s, d) => {
      for (let x = 0; x < width; x++) {
        const valueA = a.data[y * width + x]!;
        const valueB = b.data[y * width + x]!;
        s[x] = valueA + valueB;
        d[x] = valueA - valueB;
      }
    },
    ({ meanP: meanS, meanQ: meanD, varianceP: varianceS, varianceQ: varianceD }) => {
      // Sums per row first: one long chain of additions would lose digits on a large picture.
      let rowSsim = 0;
      let rowContrastStructure = 0;
      for (let x = 0; x < outWidth; x++) {
        const meanSquareS = meanS[x]! * meanS[x]!;
        const meanSquareD = meanD[x]! * meanD[x]!;
        const luminance = (0.5 * (meanSquareS - meanSquareD) + C1) / (0.5 * (meanSquareS + meanSquareD) + C1);
        const product = (0.5 * (varianceS[x]! - varianceD[x]!) + C2) / (0.5 * (varianceS[x]! + varianceD[x]!) + C2);
        rowSsim += luminance * product;
        rowContrastStructure += product;
      }
      ssim += rowSsim / outWidth;
      contrastStructure += rowContrastStructure / outWidth;
    },
  );
  return { ssim: ssim / outHeight, contrastStructure: contrastStructure / outHeight };
}
