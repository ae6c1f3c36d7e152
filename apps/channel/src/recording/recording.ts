import { describeError } from '@semcast/core';
import type { GrowingFile } from '@semcast/service';
import { bytesToIq, iqToBytes, type FrameHead, type SampleFormat, type SamplesHead } from '@semcast/wire';
import {
  DATA_SUFFIX,
  META_SUFFIX,
  metadataEnd,
  metadataStart,
  type Annotation,
  type RecordingGlobal,
} from './sigmf.js';

/** Readers take a metadata file as one text; V8's longest has 512 MiB. */
const MAX_METADATA_BYTES = 256 * 1024 ** 2;

/** What the recordings of a channel may take together; each takes its part off here. */
export interface RecordingBudget {
  /** Bytes on the disk. */
  diskBytes: number;
  /** Bytes of frames that wait for the disk; given back when they are written. */
  queueBytes: number;
}

export interface RecordingOptions {
  /** Without `.sigmf-data` and `.sigmf-meta`. */
  readonly path: string;
  readonly global: RecordingGlobal;
  readonly budget: RecordingBudget;
  /** Called once for each cause of missing frames. */
  readonly onIncomplete: (why: string) => void;
  /** Called once, with the files in place. Not called when there are none: no frame came, or none could be written. */
  readonly onFinished: (end: RecordingEnd) => void;
  /** `growWhole` of packages/service, or what a test puts in its place. */
  readonly openFile: (path: string) => Promise<GrowingFile>;
}

/** What became of a recording. */
export interface RecordingEnd {
  readonly path: string;
  readonly frames: number;
  /** Frames that came while it was open, and aren't in it. */
  readonly missing: number;
}

/**
 * One stream's samples at one point, written as SigMF: frame behind frame in `.sigmf-data`, an annotation for each in
 * `.sigmf-meta`. Both files have their names once it is finished.
 *
 * Frames wait in a bounded queue for the disk, so that a slow one holds up nothing.
 */
export class Recording {
  readonly #options: RecordingOptions;
  readonly #datatype: SampleFormat;
  /** Everything that has been begun with the files, one after the other. Never rejects. */
  #writing: Promise<void> = Promise.resolve();
  #files: { readonly data: GrowingFile; readonly meta: GrowingFile } | undefined;
  #metadataBytes = 0;
  #samples = 0;
  /** When the first frame came. */
  #startedAt: string | undefined;
  #offered = 0;
  #written = 0;
  #fellBehind = false;
  #failed = false;
  #ending = false;

  constructor(options: RecordingOptions) {
    this.#options = options;
    this.#datatype = options.global['core:datatype'];
  }

  /**
   * Add a frame with its samples and, of genie channel state, its gains, as they are on the wire. Neither may change
   * afterwards. Never throws: a frame that can't be recorded is missing in the recording.
   */
  add(head: FrameHead, sampleBytes: Uint8Array, gains: readonly Uint8Array[] = []): void {
    if (this.#ending) {
      return;
    }
    this.#offered++;
    const converted = convert(sampleBytes, head.samples, this.#datatype);
    if (converted === undefined) {
      return;
    }
    const { bytes, samples } = converted;
    const text = JSON.stringify({
      'core:sample_start': this.#samples,
      'core:sample_count': samples.count,
      'core:label': `${head.stream}/${head.frame}`,
      'semcast:frame': { ...head, samples },
      ...(gains.length === 0 ? {} : { 'semcast:gains': Buffer.concat(gains).toString('base64') }),
    } satisfies Annotation);
    const textBytes = Buffer.byteLength(text);
    const size = bytes.byteLength + textBytes;
    const { budget, onIncomplete } = this.#options;
    if (size > budget.diskBytes) {
      budget.diskBytes = 0;
      this.#end('the recordings have the bytes that record.maxBytes allows');
      return;
    }
    if (this.#metadataBytes + textBytes > MAX_METADATA_BYTES) {
      this.#end(`its metadata has ${MAX_METADATA_BYTES} bytes`);
      return;
    }
    if (size > budget.queueBytes) {
      if (!this.#fellBehind) {
        this.#fellBehind = true;
        onIncomplete('the disk is too slow for the frames, and some are left out');
      }
      return;
    }
    const start = this.#samples === 0 ? metadataStart(this.#options.global) : ',';
    this.#startedAt ??= new Date().toISOString();
    this.#samples += samples.count;
    this.#metadataBytes += textBytes;
    budget.queueBytes -= size;
    budget.diskBytes -= size;
    this.#enqueue(async () => {
      try {
        if (!this.#failed) {
          const { data, meta } = (this.#files ??= await this.#open());
          await data.append(bytes);
          await meta.append(`${start}\n${text}`);
          this.#written++;
        }
      } finally {
        budget.queueBytes += size;
      }
    });
  }

  /** Write what waits, and give the files their names. Never rejects. */
  async finish(): Promise<void> {
    if (!this.#ending) {
      this.#ending = true;
      this.#enqueue(async () => await this.#close());
    }
    await this.#writing;
  }

  #end(why: string): void {
    this.#options.onIncomplete(why);
    void this.finish();
  }

  #enqueue(step: () => Promise<void>): void {
    this.#writing = this.#writing.then(step).catch((error: unknown) => {
      this.#failed = true;
      this.#end(`${this.#options.path} can't be written: ${describeError(error)}`);
    });
  }

  async #open(): Promise<{ readonly data: GrowingFile; readonly meta: GrowingFile }> {
    const { path, openFile } = this.#options;
    const data = await openFile(`${path}${DATA_SUFFIX}`);
    try {
      return { data, meta: await openFile(`${path}${META_SUFFIX}`) };
    } catch (error) {
      await data.discard();
      throw error;
    }
  }

  async #close(): Promise<void> {
    if (this.#files === undefined) {
      return;
    }
    const { data, meta } = this.#files;
    const { path, onFinished } = this.#options;
    const missing = this.#offered - this.#written;
    if (this.#written === 0) {
      await Promise.all([data.discard(), meta.discard()]);
      return;
    }
    try {
      await meta.append(metadataEnd({ 'core:datetime': this.#startedAt!, 'semcast:missing_frames': missing }));
      await data.finish();
      await meta.finish();
    } catch (error) {
      await Promise.all([data.discard(), meta.discard()]);
      throw error;
    }
    onFinished({ path, frames: this.#written, missing });
  }
}

/** Samples of the wire in the format of the recording; undefined when they aren't finite, for which a frame is dropped. */
function convert(
  bytes: Uint8Array,
  samples: SamplesHead,
  datatype: SampleFormat,
): { readonly bytes: Uint8Array; readonly samples: SamplesHead } | undefined {
  if (samples.format === datatype) {
    return { bytes, samples };
  }
  try {
    return iqToBytes(bytesToIq(bytes, samples), datatype);
  } catch {
    return undefined;
  }
}
