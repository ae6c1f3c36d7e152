import { dbToPower, gainCount, randomFor, type Gains, type RandomSource, type Tap } from '@semcast/core';
import { z } from 'zod';
import type { FrameCoordinates } from './fading.js';

/** The longest coherence that can be configured, in samples. */
const MAX_COHERENCE_SAMPLES = 1 << 24;

/** For how many samples a block's gain holds. */
export const coherenceSchema = z
  .int()
  .min(1)
  .max(MAX_COHERENCE_SAMPLES)
  .default(256)
  .describe('samples over which one gain holds');

/** The Rician K factor in dB: power of the line-of-sight path over that of all scattered paths. */
export const kFactorDbSchema = z
  .number()
  .min(-40)
  .max(40)
  .default(6)
  .describe('power of the line of sight over the scattered power, in dB');

/** The random numbers of a frame's fading. */
export function fadingRandom(coordinates: FrameCoordinates): RandomSource {
  return randomFor({ ...coordinates, purpose: 'channel/fading' });
}

/** Fading that is the same at every frequency: one path, without delay. */
function flat(gains: Gains): readonly Tap[] {
  return [{ delay: 0, gains }];
}

/**
 * Flat Rayleigh fading: h ~ CN(0, 1), independent from block to block.
 *
 * Both parts are normal of variance 1/2, so E|h|² = 1 and |h| has the Rayleigh density 2r·exp(-r²)
 * (Tse, Viswanath, "Fundamentals of Wireless Communication", 2005, section 2.4.2).
 *
 * @param coherence samples over which one gain holds
 */
export function drawRayleigh(coordinates: FrameCoordinates, sampleCount: number, coherence: number): readonly Tap[] {
  const values = new Float32Array(2 * gainCount(sampleCount, coherence));
  fadingRandom(coordinates).fillNormal(values, Math.SQRT1_2);
  return flat({ coherence, values });
}

/**
 * Flat Rician fading: h = √(K/(K+1))·e^{jθ} + √(1/(K+1))·CN(0, 1), the scattered part independent from block to block.
 *
 * θ, the phase of the line of sight, is uniform and holds for the whole frame: transmitter and receiver share no
 * phase reference, and nothing moves within a frame. E|h|² = 1 (Tse, Viswanath 2005, section 2.4.2).
 *
 * @param coherence samples over which one gain holds
 * @param kFactorDb K in dB
 */
export function drawRician(
  coordinates: FrameCoordinates,
  sampleCount: number,
  coherence: number,
  kFactorDb: number,
): readonly Tap[] {
  const k = dbToPower(kFactorDb);
  const random = fadingRandom(coordinates);
  const [lineOfSightI, lineOfSightQ] = lineOfSight(random, k, k + 1);
  const values = new Float32Array(2 * gainCount(sampleCount, coherence));
  random.fillNormal(values, Math.sqrt(0.5 / (k + 1)));
  for (let i = 0; i < values.length; i += 2) {
    values[i]! += lineOfSightI;
    values[i + 1]! += lineOfSightQ;
  }
  return flat({ coherence, values });
}

/**
 * A line of sight of the power `power / total` and uniform phase: the direction of a complex normal number, which is
 * exact arithmetic where sin and cos differ between engines.
 */
export function lineOfSight(random: RandomSource, power: number, total = 1): [number, number] {
  const directionI = random.normal();
  const directionQ = random.normal();
  const scale = Math.sqrt(power / (total * (directionI * directionI + directionQ * directionQ)));
  return [scale * directionI, scale * directionQ];
}

/** One gain for a whole frame: a coherence as long as the frame. */
export function wholeFrame(sampleCount: number): number {
  return Math.max(1, sampleCount);
}
