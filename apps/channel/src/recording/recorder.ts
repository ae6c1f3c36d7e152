import { join, resolve } from 'node:path';
import type { ChannelConfig } from '@semcast/channel-models';
import { describeError } from '@semcast/core';
import { growWhole, prepareFolder } from '@semcast/service';
import type { SessionHello } from '@semcast/wire';
import { RecordFolderError } from '../errors.js';
import { adoptRecordings, type AdoptedRecording } from './adopt-recordings.js';
import type { RecordConfig } from './config.js';
import { Recording, type RecordingBudget, type RecordingEnd } from './recording.js';
import { SEMCAST_EXTENSION, SIGMF_VERSION, type RecordingPoint } from './sigmf.js';

/** Bytes of all frames that may wait for the disk; what comes beyond is missing in the recording. */
const MAX_QUEUED_BYTES = 64 * 1024 ** 2;
/** How long a recording waits for the next link of its stream. */
const RETAIN_MS = 60_000;

export interface RecorderOptions {
  readonly config: RecordConfig;
  /** The channel in force, which a recording describes as it was at its start. */
  readonly channel: () => ChannelConfig;
  readonly onFinished: (stream: string, end: RecordingEnd) => void;
  readonly onIncomplete: (stream: string, why: string) => void;
  /** Called for each recording that a killed channel had begun, and that is finished now. */
  readonly onAdopted: (adopted: AdoptedRecording) => void;
}

/** The recordings of one run of a stream; over several links, when it connects again. */
export interface StreamRecordings {
  readonly input?: Recording;
  readonly output?: Recording;
}

interface Entry {
  readonly run: string;
  readonly recordings: StreamRecordings;
  links: number;
  retention?: NodeJS.Timeout;
}

/** Records what streams send and what the receiver hears of it: a recording a run of a stream and point. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #budget: RecordingBudget;
  readonly #streams = new Map<string, Entry>();
  readonly #finishing = new Set<Promise<unknown>>();

  private constructor(options: RecorderOptions) {
    this.#options = options;
    this.#budget = { diskBytes: options.config.maxBytes, queueBytes: MAX_QUEUED_BYTES };
  }

  /** @throws RecordFolderError when the folder can't be made or written to */
  static async open(options: RecorderOptions): Promise<Recorder> {
    const folder = resolve(options.config.folder);
    try {
      await prepareFolder(folder);
      for (const adopted of await adoptRecordings(folder)) {
        options.onAdopted(adopted);
      }
    } catch (cause) {
      throw new RecordFolderError(`recordings can't be written to "${folder}": ${describeError(cause)}`, { cause });
    }
    return new Recorder({ ...options, config: { ...options.config, folder } });
  }

  /** A link of a stream is up. Each is to be followed by {@link leave}. */
  enter(hello: SessionHello): StreamRecordings {
    const { stream, run } = hello;
    if (this.#streams.get(stream)?.run !== run) {
      this.end(stream);
    }
    const entry = this.#streams.get(stream) ?? { run, recordings: this.#begin(hello), links: 0 };
    this.#streams.set(stream, entry);
    clearTimeout(entry.retention);
    entry.links++;
    return entry.recordings;
  }

  /** A link of a stream has ended; another may follow. */
  leave({ stream, run }: SessionHello): void {
    const entry = this.#streams.get(stream);
    if (entry?.run === run && --entry.links === 0) {
      entry.retention = setTimeout(() => this.end(stream), RETAIN_MS).unref();
    }
  }

  /** A stream has ended: its recordings are finished. */
  end(stream: string): void {
    const entry = this.#streams.get(stream);
    this.#streams.delete(stream);
    clearTimeout(entry?.retention);
    for (const recording of Object.values<Recording>({ ...entry?.recordings })) {
      const finished = recording.finish().finally(() => this.#finishing.delete(finished));
      this.#finishing.add(finished);
    }
  }

  /** Finish all recordings. */
  async close(): Promise<void> {
    for (const stream of this.#streams.keys()) {
      this.end(stream);
    }
    await Promise.all(this.#finishing);
  }

  #begin(hello: SessionHello): StreamRecordings {
    const { at } = this.#options.config;
    return {
      ...(at === 'output' ? {} : { input: this.#create(hello, 'input') }),
      ...(at === 'input' ? {} : { output: this.#create(hello, 'output') }),
    };
  }

  #create({ stream, decoder, csi, sampleFormat, result }: SessionHello, at: RecordingPoint): Recording {
    const { config, channel, onFinished, onIncomplete } = this.#options;
    const { model, snr, sampleRateHz } = channel();
    const time = new Date().toISOString().replaceAll(/[-:.]/g, '');
    return new Recording({
      path: join(config.folder, `${stream}-${time}-${at}`),
      global: {
        'core:datatype': config.datatype ?? sampleFormat,
        'core:version': SIGMF_VERSION,
        'core:sample_rate': sampleRateHz,
        'core:recorder': 'semcast channel',
        'core:description': `${at} of the channel (${model.name}, SNR ${snr.name}) for stream ${stream}`,
        'core:extensions': [SEMCAST_EXTENSION],
        'semcast:at': at,
        'semcast:hello': { decoder, csi, sampleFormat, result },
      },
      budget: this.#budget,
      onFinished: (end) => onFinished(stream, end),
      onIncomplete: (why) => onIncomplete(stream, why),
      openFile: growWhole,
    });
  }
}
