import { checkGains, type Gains, type Tap } from '@semcast/core';

/** What the paths of a channel make of one OFDM symbol. */
export interface SymbolPaths {
  /** Complex, one of each path: the part of it that all carriers keep to themselves. */
  readonly gains: Float64Array;
  /** What comes of other carriers and of the symbol before, as a share of a symbol's power. */
  readonly interference: number;
}

/**
 * Paths that OFDM demodulation can use, of delays that differ.
 *
 * @throws ArgumentError when the gains are not those of `sampleCount` samples
 */
export function pathsOf(taps: readonly Tap[], sampleCount: number): readonly Tap[] {
  const byDelay = new Map<number, Gains>();
  for (const { delay, gains } of taps) {
    checkGains(gains, sampleCount);
    const other = byDelay.get(delay);
    byDelay.set(delay, other === undefined ? gains : sumOf(other, gains, sampleCount));
  }
  return [...byDelay].map(([delay, gains]) => ({ delay, gains }));
}

function sumOf(a: Gains, b: Gains, sampleCount: number): Gains {
  const values = new Float32Array(2 * sampleCount);
  for (let k = 0; k < sampleCount; k++) {
    for (const { coherence, values: some } of [a, b]) {
      const i = 2 * Math.floor(k / coherence);
      values[2 * k]! += some[i]!;
      values[2 * k + 1]! += some[i + 1]!;
    }
  }
  return { coherence: 1, values };
}

/**
 * The channel of one OFDM symbol of M samples behind a cyclic prefix of P.
 *
 * Sample m of the symbol meets path l of gain h_l(m) and delay d. While m < d - P it brings what was sent before the
 * symbol; from then on it brings the symbol itself, shifted as if it were periodic. A carrier keeps the mean over the
 * symbol, h̄_l = (1/M)·Σ_{m ≥ d - P} h_l(m). With power 1 on every carrier, the rest of the power that the path brings,
 * (1/M)·Σ_m |h_l(m)|² - |h̄_l|², is other carriers and the symbol before, and is taken to be spread evenly: exact on
 * average over carriers, as the path's samples meet different values each. For a constant path that comes e = d - P
 * samples too late that is |h|²·(1 - (1 - e/M)²), about 2e/M (Seoane, Wilson, Gelfand, "Analysis of intertone and
 * interblock interference in OFDM when the length of the cyclic prefix is shorter than the length of the impulse
 * response of the channel", GLOBECOM 1997); for one that changes within the symbol it is the variance of its gain.
 *
 * @param first the frame's sample with which the symbol begins, behind the prefix
 */
export function symbolPaths(
  paths: readonly Tap[],
  first: number,
  { fftSize, prefix }: { readonly fftSize: number; readonly prefix: number },
): SymbolPaths {
  const gains = new Float64Array(2 * paths.length);
  let interference = 0;
  for (const [l, { delay, gains: path }] of paths.entries()) {
    const { coherence, values } = path;
    // Nothing was sent before the frame's first sample.
    const start = Math.max(first, delay);
    const periodicFrom = first + delay - prefix;
    const end = first + fftSize;
    let [power, sumI, sumQ] = [0, 0, 0];
    for (let n = start; n < end;) {
      const block = Math.floor(n / coherence);
      const blockEnd = Math.min(end, (block + 1) * coherence);
      const gainI = values[2 * block]!;
      const gainQ = values[2 * block + 1]!;
      const periodic = Math.max(0, blockEnd - Math.max(n, periodicFrom));
      power += (blockEnd - n) * (gainI * gainI + gainQ * gainQ);
      sumI += periodic * gainI;
      sumQ += periodic * gainQ;
      n = blockEnd;
    }
    gains[2 * l] = sumI / fftSize;
    gains[2 * l + 1] = sumQ / fftSize;
    interference += Math.max(0, power / fftSize - gains[2 * l]! ** 2 - gains[2 * l + 1]! ** 2);
  }
  return { gains, interference };
}
