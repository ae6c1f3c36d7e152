import { dbToPower } from '@semcast/core';
import { z } from 'zod';
import { createDelayLine, MAX_DELAY_SAMPLES, onSampleGrid } from './delay-line.js';
import { dopplerOptions } from './doppler.js';
import { OptionError } from './errors.js';
import type { ChannelModel } from './model.js';

const optionsSchema = z.strictObject({
  delaySpreadNs: z
    .number()
    .min(0)
    .max(1e6)
    .default(100)
    .describe('RMS delay spread in ns; 10 is very short, 30 short, 100 nominal, 300 long, 1000 very long'),
  ...dopplerOptions,
});

/** A table of 3GPP TR 38.901, section 7.7.2. */
export interface DelayProfile {
  /** Normalised delay and power in dB of each scattered path, in the table's order. */
  readonly paths: readonly (readonly [delay: number, powerDb: number])[];
  /** Power in dB of the line of sight, whose delay is 0; null where there is none. */
  readonly lineOfSightDb: number | null;
}

/** A TDL model of 3GPP TR 38.901: delay = normalised delay × delay spread (section 7.7.3). */
export function tr38901<const Name extends string>(
  name: Name,
  { paths, lineOfSightDb }: DelayProfile,
): ChannelModel<typeof optionsSchema> & { readonly name: Name } {
  const scatteredPower = paths.reduce((sum, [, powerDb]) => sum + dbToPower(powerDb), 0);
  const longest = Math.max(...paths.map(([delay]) => delay));
  return {
    name,
    optionsSchema,
    kFactor: () => (lineOfSightDb === null ? 0 : dbToPower(lineOfSightDb) / scatteredPower),
    create: ({ delaySpreadNs, ...doppler }, sampleRateHz) => {
      const samplesPerUnit = delaySpreadNs * 1e-9 * sampleRateHz;
      if (longest * samplesPerUnit > MAX_DELAY_SAMPLES) {
        const most = Math.floor((MAX_DELAY_SAMPLES / longest / sampleRateHz) * 1e9);
        throw new OptionError(
          'delaySpreadNs',
          `must be at most ${most}: at ${sampleRateHz} samples/s the longest delay would be more than ${MAX_DELAY_SAMPLES} samples`,
        );
      }
      const scattered = paths.map(([delay, powerDb]) => ({
        delay: delay * samplesPerUnit,
        scattered: dbToPower(powerDb),
        lineOfSight: 0,
      }));
      const direct = lineOfSightDb === null ? [] : [{ delay: 0, scattered: 0, lineOfSight: dbToPower(lineOfSightDb) }];
      return createDelayLine(onSampleGrid([...direct, ...scattered]), doppler, sampleRateHz);
    },
  };
}
