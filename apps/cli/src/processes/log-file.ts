import { renameSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** A log that never takes more than twice `maxBytes` of the disk: a demo may run for weeks. */
export interface LogFile {
  readonly path: string;
  write(line: string): void;
  close(): Promise<void>;
}

/** Lines that may wait for the disk; beyond them lines are left out, and how many is written down. */
const MAX_PENDING_LINES = 10_000;

/** Open a log file. When it is full it becomes `FILE.1` (replacing an older one) and a new one begins. */
export async function openLogFile(path: string, maxBytes = 16 * 1024 * 1024): Promise<LogFile> {
  let file: FileHandle = await open(path, 'w');
  let size = 0;
  let pending: string[] = [];
  let leftOut = 0;
  let writing: Promise<void> | null = null;
  let broken = false;

  const flush = async (): Promise<void> => {
    while (pending.length > 0 && !broken) {
      const lines = pending;
      pending = [];
      if (leftOut > 0) {
        lines.push(`(${leftOut} lines are missing here: the disk was too slow)`);
        leftOut = 0;
      }
      try {
        for (const text of chunksOf(lines, maxBytes)) {
          if (size > 0 && size + text.length > maxBytes) {
            await file.close();
            renameSync(path, `${path}.1`);
            file = await open(path, 'w');
            size = 0;
          }
          size += (await file.write(text)).bytesWritten;
        }
      } catch {
        // A full disk ends the log, not the demo.
        broken = true;
      }
    }
    writing = null;
  };

  return {
    path,
    write: (line) => {
      if (pending.length >= MAX_PENDING_LINES) {
        leftOut++;
        return;
      }
      pending.push(line);
      writing ??= flush();
    },
    close: async () => {
      await writing;
      await file.close();
    },
  };
}

/** Lines put together to texts of at most `maxBytes` (one longer line alone is one). */
function* chunksOf(lines: readonly string[], maxBytes: number): Generator<string, void, void> {
  let text = '';
  for (const line of lines) {
    if (text.length > 0 && text.length + line.length + 1 > maxBytes) {
      yield text;
      text = '';
    }
    text += `${line}\n`;
  }
  yield text;
}
