import type { Plane } from './image.js';

/** Side of the Gaussian window, in pixels. A smaller picture has no whole window. */
export const WINDOW_SIZE = 11;
/** Similarities crowd towards one, where a step in the second digit is what one sees. */
export const SIMILARITY_BUCKETS = [
  0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995,
] as const;
const WINDOW_SIGMA = 1.5;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

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
 * difference of var(s) and var(d). Rows are filtered once and kept in a ring of eleven, so no map is ever stored.
 *
 * @param a, b planes of equal size, both sides at least {@link WINDOW_SIZE}
 */
export function structuralSimilarity(a: Plane, b: Plane): StructuralSimilarity {
  const { width, height } = a;
  const outWidth = width - WINDOW_SIZE + 1;
  const outHeight = height - WINDOW_SIZE + 1;
  const s = new Float64Array(width);
  const d = new Float64Array(width);
  const ss = new Float64Array(width);
  const dd = new Float64Array(width);
  // Row slot r holds the four filtered signals one after the other: s, d, s², d².
  const slotSize = 4 * outWidth;
  const ring = new Float64Array(WINDOW_SIZE * slotSize);
  let ssim = 0;
  let contrastStructure = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const valueA = a.data[y * width + x]!;
      const valueB = b.data[y * width + x]!;
      const sum = valueA + valueB;
      const difference = valueA - valueB;
      s[x] = sum;
      d[x] = difference;
      ss[x] = sum * sum;
      dd[x] = difference * difference;
    }
    const slot = (y % WINDOW_SIZE) * slotSize;
    filterRow(s, ring, slot, outWidth);
    filterRow(d, ring, slot + outWidth, outWidth);
    filterRow(ss, ring, slot + 2 * outWidth, outWidth);
    filterRow(dd, ring, slot + 3 * outWidth, outWidth);
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
    // Sums per row first: one long chain of additions would lose digits on a large picture.
    let rowSsim = 0;
    let rowContrastStructure = 0;
    for (let x = 0; x < outWidth; x++) {
      const meanS = column(x);
      const meanD = column(x + outWidth);
      const meanSquareS = meanS * meanS;
      const meanSquareD = meanD * meanD;
      const varianceS = column(x + 2 * outWidth) - meanSquareS;
      const varianceD = column(x + 3 * outWidth) - meanSquareD;
      const luminance = (0.5 * (meanSquareS - meanSquareD) + C1) / (0.5 * (meanSquareS + meanSquareD) + C1);
      const product = (0.5 * (varianceS - varianceD) + C2) / (0.5 * (varianceS + varianceD) + C2);
      rowSsim += luminance * product;
      rowContrastStructure += product;
    }
    ssim += rowSsim / outWidth;
    contrastStructure += rowContrastStructure / outWidth;
  }
  return { ssim: ssim / outHeight, contrastStructure: contrastStructure / outHeight };
}
