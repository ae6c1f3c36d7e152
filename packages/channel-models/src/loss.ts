import { randomFor } from '@semcast/core';
import type { FrameCoordinates } from './fading.js';

/**
 * Whether the channel loses frame (seed, stream, frame) as a whole, independently of every other frame.
 *
 * One uniform number a frame is compared with the probability, so a frame lost at some probability is also lost at
 * every higher one.
 *
 * @param lossProbability 0 … 1
 */
export function isFrameLost(coordinates: FrameCoordinates, lossProbability: number): boolean {
  return lossProbability > 0 && randomFor({ ...coordinates, purpose: 'channel/loss' }).uniform() < lossProbability;
}
