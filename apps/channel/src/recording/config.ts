import { SAMPLE_FORMATS } from '@semcast/wire';
import { z } from 'zod';
import { RECORDING_POINTS } from './sigmf.js';

export const recordSchema = z.strictObject({
  folder: z.string().min(1).describe('folder for recordings of the samples (SigMF); without it nothing is recorded'),
  at: z
    .enum([...RECORDING_POINTS, 'both'])
    .default('output')
    .describe('what is recorded: samples as transmitters send them, as the receiver hears them, or both'),
  datatype: z
    .enum(SAMPLE_FORMATS)
    .optional()
    .describe('samples in the recording; default: as the stream sends them, which alone replays bit for bit'),
  maxBytes: z
    .int()
    .min(1)
    .default(1024 ** 3)
    .describe('bytes that all recordings of a run of the channel may take together; then recording ends'),
});
export type RecordConfig = z.output<typeof recordSchema>;
