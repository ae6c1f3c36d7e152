import { frameSchema, helloSchema, SAMPLE_FORMATS } from '@semcast/wire';
import { z } from 'zod';

/** The version of the SigMF specification that recordings follow. */
export const SIGMF_VERSION = '1.2.0';

/** The two files of a recording have one name and these endings. */
export const DATA_SUFFIX = '.sigmf-data';
export const META_SUFFIX = '.sigmf-meta';

/** What a recording has beside SigMF's own keys is under `semcast:`; docs/recordings.md describes it. */
export const SEMCAST_EXTENSION = { name: 'semcast', version: '1.0.0', optional: true } as const;

/** Where the channel records: as frames come from the transmitter, or as the receiver hears them. */
export const RECORDING_POINTS = ['input', 'output'] as const;
export type RecordingPoint = (typeof RECORDING_POINTS)[number];

/** The part of a stream's hello on which its pictures depend. */
const recordedHelloSchema = helloSchema.pick({ decoder: true, csi: true, sampleFormat: true, result: true });
export type RecordedHello = z.infer<typeof recordedHelloSchema>;

const index = z.int().nonnegative();

/** A frame of a recording, as an annotation of the samples that it has. */
export const annotationSchema = z.looseObject({
  'core:sample_start': index,
  'core:sample_count': index.optional(),
  'core:label': z.string().optional(),
  /** The frame's head as it was on the wire, its `samples` as they lie in the recording. */
  'semcast:frame': frameSchema.optional(),
  /** With genie channel state: the gains of the head's `impairment.taps`, one behind the other, cf32_le in base64. */
  'semcast:gains': z.base64().optional(),
});
export type Annotation = z.infer<typeof annotationSchema>;

/** What makes a SigMF recording. */
export const sigmfSchema = z.looseObject({
  global: z.looseObject({ 'core:datatype': z.string(), 'core:version': z.string().regex(/^\d+\.\d+\.\d/) }),
  captures: z.array(z.looseObject({ 'core:sample_start': index })),
  annotations: z.array(z.looseObject({ 'core:sample_start': index })),
});

/** What makes a SigMF recording one of semcast's. */
export const recordingSchema = z.looseObject({
  global: z.looseObject({
    'core:datatype': z.enum(SAMPLE_FORMATS),
    'semcast:at': z.enum(RECORDING_POINTS),
    'semcast:hello': recordedHelloSchema,
  }),
  annotations: z.array(annotationSchema),
});
export type RecordingGlobal = z.infer<typeof recordingSchema>['global'];

/**
 * The first line of a metadata file; annotations follow, one a line. What they need stands before them, so that a file
 * without its end can be finished.
 */
export function metadataStart(global: RecordingGlobal): string {
  return `{"global":${JSON.stringify(global)},"annotations":[`;
}

/** What comes behind the last annotation: the one capture, of which more is known at the end. */
export function metadataEnd(capture: Readonly<Record<string, unknown>> = {}): string {
  return `\n],"captures":${JSON.stringify([{ 'core:sample_start': 0, ...capture }])}}\n`;
}
