import { open, readFile, type FileHandle } from 'node:fs/promises';
import { describeError } from '@semcast/core';
import { SAMPLE_BYTES, type FrameHead, type OutgoingFrame } from '@semcast/wire';
import { z } from 'zod';
import { RecordingError } from '../errors.js';
import {
  DATA_SUFFIX,
  META_SUFFIX,
  recordingSchema,
  sigmfSchema,
  type RecordedHello,
  type RecordingPoint,
} from './sigmf.js';

/** A frame of a recording, and where its samples lie. */
interface RecordedFrame {
  readonly head: FrameHead;
  readonly sampleStart: number;
  readonly gains: Uint8Array;
}

/** A recording that a channel made, open for reading. */
export interface RecordedStream {
  readonly at: RecordingPoint;
  readonly stream: string;
  readonly hello: RecordedHello;
  /** In the order in which they were sent; one that was sent again is here once. */
  readonly frames: readonly RecordedFrame[];
  /** A frame as it was on the wire. @throws RecordingError */
  read(frame: RecordedFrame): Promise<OutgoingFrame>;
  close(): Promise<void>;
}

/**
 * Open a SigMF recording of a channel, and see that it is whole.
 *
 * @param path its `.sigmf-meta` file; the samples are in the `.sigmf-data` file beside it
 * @throws RecordingError saying what it is instead
 */
export async function openRecording(path: string): Promise<RecordedStream> {
  if (!path.endsWith(META_SUFFIX)) {
    throw new RecordingError(`${path} is no SigMF metadata file`, {
      remedy: `name the file that ends in ${META_SUFFIX}`,
    });
  }
  const { global, annotations } = parseMetadata(path, await attempt(path, async () => await readFile(path, 'utf8')));
  const datatype = global['core:datatype'];
  const frames = new Map<number, RecordedFrame>();
  let needed = 0;
  for (const annotation of annotations) {
    const { 'semcast:frame': head, 'core:sample_start': sampleStart, 'semcast:gains': gains = '' } = annotation;
    if (head === undefined) {
      continue;
    }
    if (head.samples.format !== datatype || head.samples.count !== annotation['core:sample_count']) {
      throw new RecordingError(
        `${path} says of frame ${head.frame} two different things: annotation and head disagree`,
      );
    }
    needed = Math.max(needed, (sampleStart + head.samples.count) * SAMPLE_BYTES[datatype]);
    if (!frames.has(head.frame)) {
      frames.set(head.frame, { head, sampleStart, gains: Buffer.from(gains, 'base64') });
    }
  }
  const [first] = frames.values();
  if (first === undefined) {
    throw new RecordingError(`${path} has no frames of semcast`);
  }
  const dataPath = path.slice(0, -META_SUFFIX.length) + DATA_SUFFIX;
  const data = await attempt(dataPath, async () => await open(dataPath));
  const { size } = await data.stat();
  if (size < needed) {
    await data.close();
    throw new RecordingError(`${dataPath} is cut off: it has ${size} bytes, its frames take ${needed}`);
  }
  return {
    at: global['semcast:at'],
    stream: first.head.stream,
    hello: global['semcast:hello'],
    frames: [...frames.values()],
    read: async ({ head, sampleStart, gains }) => {
      const width = SAMPLE_BYTES[datatype];
      const bytes = await attempt(
        dataPath,
        async () => await readAt(data, sampleStart * width, head.samples.count * width),
      );
      return { head, payload: [bytes, gains] };
    },
    close: async () => await data.close(),
  };
}

function parseMetadata(path: string, text: string): z.infer<typeof recordingSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new RecordingError(`${path} is no JSON: ${describeError(cause)}`, { cause });
  }
  const sigmf = sigmfSchema.safeParse(json);
  if (!sigmf.success) {
    throw new RecordingError(`${path} is no SigMF metadata: ${z.prettifyError(sigmf.error)}`);
  }
  const { global } = sigmf.data;
  if (!('semcast:hello' in global)) {
    throw new RecordingError(`${path} is a SigMF recording, but none of a semcast channel: it doesn't tell the frames`);
  }
  const recording = recordingSchema.safeParse(json);
  if (!recording.success) {
    throw new RecordingError(`${path} can't be replayed: ${z.prettifyError(recording.error)}`);
  }
  return recording.data;
}

async function attempt<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw cause instanceof RecordingError
      ? cause
      : new RecordingError(`${path} can't be read: ${describeError(cause)}`, { cause });
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at, position + at);
    if (bytesRead === 0) {
      throw new RecordingError('the samples end before the frame does');
    }
    at += bytesRead;
  }
  return bytes;
}
