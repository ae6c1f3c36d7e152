import { gainCount, type Tap } from '@semcast/core';
import { addLineOfSight, addScatteredPath, dopplerClock, dopplerCoherence, type DopplerOptions } from './doppler.js';
import { OptionError } from './errors.js';
import { fadingRandom, lineOfSight, wholeFrame } from './gains.js';
import type { FadingProcess } from './model.js';

/** The longest delay of a path, in samples. */
export const MAX_DELAY_SAMPLES = 4096;

/** What arrives at one moment. */
export interface Path {
  /** In samples. */
  readonly delay: number;
  /** Mean power of what is scattered: Rayleigh. */
  readonly scattered: number;
  /** Power of the line of sight, which has one path at most. */
  readonly lineOfSight: number;
}

/**
 * Paths on the grid of samples: each at the nearest sample, those of one sample as one path, in the order of their
 * delays, the sum of all powers 1.
 *
 * Scattered paths of one delay add up to one that is Rayleigh again, with the sum of their powers. A delay is off by
 * half a sample at most.
 */
export function onSampleGrid(paths: readonly Path[]): readonly Path[] {
  const merged = new Map<number, Path>();
  for (const path of paths) {
    const delay = Math.round(path.delay);
    const { scattered, lineOfSight: direct } = merged.get(delay) ?? { scattered: 0, lineOfSight: 0 };
    merged.set(delay, { delay, scattered: scattered + path.scattered, lineOfSight: direct + path.lineOfSight });
  }
  const total = paths.reduce((sum, path) => sum + path.scattered + path.lineOfSight, 0);
  return [...merged.values()]
    .map(({ delay, scattered, lineOfSight: direct }) => ({
      delay,
      scattered: scattered / total,
      lineOfSight: direct / total,
    }))
    .sort((a, b) => a.delay - b.delay);
}

/**
 * A tapped delay line: independent paths, each Rayleigh or, with a line of sight, Rician.
 *
 * Without Doppler each frame has gains of its own, which hold for all of it; with Doppler they go on through a stream.
 *
 * @param paths on the grid of samples
 * @throws OptionError when the gains of so fast a channel would be more than the samples of a frame
 */
export function createDelayLine(paths: readonly Path[], doppler: DopplerOptions, sampleRateHz: number): FadingProcess {
  if (doppler.maxDopplerHz === 0) {
    return {
      drawFading: (coordinates, sampleCount) => {
        const random = fadingRandom(coordinates);
        return paths.map((path): Tap => {
          const coherence = wholeFrame(sampleCount);
          const values = new Float32Array(2 * gainCount(sampleCount, coherence));
          random.fillNormal(values, Math.sqrt(path.scattered / 2));
          if (path.lineOfSight > 0) {
            const direct = lineOfSight(random, path.lineOfSight);
            values.forEach((value, i) => {
              values[i] = value + direct[i % 2]!;
            });
          }
          return { delay: path.delay, gains: { coherence, values } };
        });
      },
    };
  }
  const coherence = dopplerCoherence(doppler, sampleRateHz);
  if (coherence < paths.length) {
    const most = dopplerCoherence({ ...doppler, maxDopplerHz: paths.length }, sampleRateHz);
    throw new OptionError(
      'maxDopplerHz',
      `must be at most ${most}: ${paths.length} paths at ${sampleRateHz} samples/s would have more gains than samples`,
    );
  }
  return {
    drawFading: (coordinates, sampleCount) => {
      const clock = dopplerClock(coordinates, doppler, sampleRateHz, coherence);
      return paths.map(({ delay, scattered, lineOfSight: direct }): Tap => {
        const values = new Float64Array(2 * gainCount(sampleCount, coherence));
        addScatteredPath(values, clock, coordinates, String(delay), scattered);
        if (direct > 0) {
          addLineOfSight(values, clock, coordinates, direct);
        }
        return { delay, gains: { coherence, values: Float32Array.from(values) } };
      });
    },
  };
}
