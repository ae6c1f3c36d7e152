import { describeError } from '@semcast/core';
import { writeFileWhole } from '../json-output.js';
import type { SweepLog } from './sweep-log.js';

/** At most this much is lost to a crash or a second Ctrl-C. */
const DEFAULT_EVERY_MS = 30_000;

export interface CheckpointOptions {
  /** Undefined: nothing is written. */
  readonly file: string | undefined;
  readonly everyMs?: number;
  /** Called with a message when the file can't be written, which is no reason to end hours of measuring. */
  readonly onFailure: (message: string) => void;
}

/** Writes down what a sweep has measured, now and then and in the end. */
export interface Checkpoints {
  /** Resolves when everything measured so far is on the disk. */
  stop(): Promise<void>;
}

export function startCheckpoints(
  log: Pick<SweepLog, 'revision' | 'report'>,
  { file, everyMs = DEFAULT_EVERY_MS, onFailure }: CheckpointOptions,
): Checkpoints {
  if (file === undefined) {
    return { stop: async () => {} };
  }
  let written = log.revision;
  let failed = false;
  let writing = Promise.resolve();
  const write = (): void => {
    if (log.revision === written) {
      return;
    }
    written = log.revision;
    const text = `${JSON.stringify(log.report(), null, 2)}\n`;
    writing = writing
      .then(async () => await writeFileWhole(file, text))
      .catch((error: unknown) => {
        if (!failed) {
          failed = true;
          onFailure(`what is measured can't be kept: ${describeError(error)}`);
        }
      });
  };
  const timer = setInterval(write, everyMs);
  return {
    stop: async () => {
      clearInterval(timer);
      write();
      await writing;
    },
  };
}
