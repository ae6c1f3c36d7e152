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

export const publishSchema = z.strictObject({
  port: z.int().min(0).max(65_535).describe('port on which samples are published (ZeroMQ, PUB); 0 takes any free one'),
  host: z.string().min(1).default('127.0.0.1').describe('address on which samples are published'),
  at: z
    .enum(RECORDING_POINTS)
    .default('output')
    .describe('what is published: samples as transmitters send them, or as the receiver hears them'),
});
export type PublishConfig = z.output<typeof publishSchema>;
