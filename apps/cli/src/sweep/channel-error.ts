import type { FadingProcess } from '@semcast/channel-models';
import { powerToDb, type Tap } from '@semcast/core';
import type { CompletedSummary } from '@semcast/transmitter';
import type { SweepRow } from './report.js';

/** Errors are told from here on: nothing is estimated as well as that. */
const LEAST_ERROR = 1e-10;

/**
 * How far the receiver's estimate of the channel is from the channel that a frame met, Σ|ĥ - h|²/Σ|h|² over the carriers
 * that its result tells: as it is, and with the common phase that suits it best, (Σ|ĥ|² + Σ|h|² - 2·|Σĥ*h|)/Σ|h|².
 *
 * @returns nothing where the receiver was told the channel, or assumed one, or there was none
 */
export function channelErrorOf(
  {
    estimate,
    stream,
    frame,
    cbrWithOverhead,
    width,
    height,
  }: Pick<CompletedSummary, 'estimate' | 'stream' | 'frame' | 'cbrWithOverhead' | 'width' | 'height'>,
  { fading, seed }: { readonly fading: FadingProcess; readonly seed: number },
): Pick<SweepRow, 'channelErrorDb' | 'alignedChannelErrorDb'> {
  if (estimate === undefined) {
    return {};
  }
  const samples = Math.round(cbrWithOverhead * 3 * width * height);
  const taps = fading.drawFading({ seed, stream, frame }, samples);
  let [found, truth, re, im] = [0, 0, 0, 0];
  for (const [i, carrier] of estimate.carriers.entries()) {
    const [hI, hQ] = gainAt(taps, carrier / estimate.fftSize);
    const [gI, gQ] = [estimate.gains[2 * i]!, estimate.gains[2 * i + 1]!];
    found += gI * gI + gQ * gQ;
    truth += hI * hI + hQ * hQ;
    re += gI * hI + gQ * hQ;
    im += gI * hQ - gQ * hI;
  }
  if (!(truth > 0)) {
    return {};
  }
  const errorDb = (match: number): number => powerToDb(Math.max(LEAST_ERROR, (found + truth - 2 * match) / truth));
  return { channelErrorDb: errorDb(re), alignedChannelErrorDb: errorDb(Math.hypot(re, im)) };
}

/** H(f) with each path's mean gain over the frame; f in cycles a sample. */
function gainAt(taps: readonly Tap[] | null, frequency: number): [number, number] {
  if (taps === null) {
    return [1, 0];
  }
  let [re, im] = [0, 0];
  for (const { delay, gains } of taps) {
    const [cos, sin] = [Math.cos(2 * Math.PI * frequency * delay), -Math.sin(2 * Math.PI * frequency * delay)];
    const count = gains.values.length / 2;
    for (let i = 0; i < count; i++) {
      const [gI, gQ] = [gains.values[2 * i]! / count, gains.values[2 * i + 1]! / count];
      re += cos * gI - sin * gQ;
      im += cos * gQ + sin * gI;
    }
  }
  return [re, im];
}
