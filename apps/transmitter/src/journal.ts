import { link, mkdir, open, readFile, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { JournalCorruptError, JournalMismatchError, WriteError } from './errors.js';
import { FrameSet, type FrameRange } from './frame-set.js';
import { lockJournal } from './journal-lock.js';
import { cannotWrite, writeFileAtomic } from './write-file.js';

/** What the frame numbers of a stream mean: a journal is good only for the same. */
export interface JournalSubject {
  /** Fingerprint of the photographs in their order; empty when frames are only submitted. */
  readonly photos: string;
  readonly size: number;
}

export interface JournalOptions extends JournalSubject {
  readonly file: string;
  /** The wanted stream id. Undefined: the journal's, or `newStream()` for a new journal. */
  readonly stream?: string | undefined;
  readonly newStream: () => string;
  /** A new name for a run of the client; a journal's run goes on over restarts (wire: `hello.run`). */
  readonly newRun: () => string;
  /** The journal is rotated to `FILE.old` beyond this many bytes. */
  readonly maxBytes: number;
}

/** A line of the journal: a frame's number and whatever is worth reading about how it ended. */
export type JournalEntry = Readonly<Record<string, unknown>> & { readonly frame: number };

const headerSchema = z.strictObject({
  journal: z.literal('semcast.transmitter/1'),
  stream: z.string(),
  run: z.string(),
  photos: z.string(),
  size: z.number(),
  /** Frames whose lines are no longer in this file. */
  done: z.array(z.tuple([z.int(), z.int()])),
});
type Header = z.output<typeof headerSchema>;

const entrySchema = z.looseObject({ frame: z.int().nonnegative() });

interface Pending {
  readonly entry: JournalEntry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Which frames of a stream have their outcome: one JSON line a frame, on the disk before the receiver is told to
 * forget the frame. After a crash, what has a line is not sent again and what has none is.
 */
export class Journal {
  readonly stream: string;
  /** The run under which the stream's frames are sent, before and after a restart. */
  readonly run: string;
  readonly #file: string;
  readonly #subject: JournalSubject;
  readonly #maxBytes: number;
  readonly #unlock: () => Promise<void>;
  readonly #done: FrameSet;
  #handle: FileHandle;
  #bytes: number;
  /** Grows with the header, so that a journal of many holes isn't rotated at every line. */
  #rotateBeyond: number;
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;
  #failure: WriteError | undefined;

  private constructor(
    options: JournalOptions,
    state: ParsedJournal & { handle: FileHandle; unlock: () => Promise<void> },
  ) {
    this.stream = state.header.stream;
    this.run = state.header.run;
    this.#file = options.file;
    this.#subject = { photos: options.photos, size: options.size };
    this.#maxBytes = options.maxBytes;
    this.#rotateBeyond = Math.max(options.maxBytes, 2 * state.headerBytes);
    this.#unlock = state.unlock;
    this.#done = state.done;
    this.#handle = state.handle;
    this.#bytes = state.bytes;
  }

  /**
   * Open a journal, or begin one. A last line that a crash cut short is removed: its frame is sent again.
   *
   * @throws JournalLockedError, JournalCorruptError, JournalMismatchError, WriteError
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const { file } = options;
    let unlock: (() => Promise<void>) | undefined;
    try {
      await mkdir(dirname(file), { recursive: true });
      unlock = await lockJournal(file);
      const known = await stat(file).then(
        (info) => info.size > 0,
        () => false,
      );
      if (!known) {
        const identity = { stream: options.stream ?? options.newStream(), run: options.newRun() };
        await writeFileAtomic(file, headerLine(options, identity, new FrameSet()));
      }
      const parsed = parseJournal(file, await readFile(file));
      checkSubject(options, parsed.header);
      const handle = await open(file, 'r+');
      await handle.truncate(parsed.bytes);
      return new Journal(options, { ...parsed, handle, unlock });
    } catch (error) {
      await unlock?.();
      // Errors of the file system have a code of their own; ours say what to do already.
      throw (error as NodeJS.ErrnoException).syscall === undefined ? error : cannotWrite(file, error);
    }
  }

  /** Whether the frame has its outcome. */
  has(frame: number): boolean {
    return this.#done.has(frame);
  }

  /** The first frame from `from` on that has none. */
  firstMissing(from: number): number {
    return this.#done.firstMissing(from);
  }

  /** The largest frame number with an outcome; -1 for none. */
  get last(): number {
    return this.#done.last;
  }

  /** How many frames have theirs. */
  get size(): number {
    return this.#done.size;
  }

  /**
   * Record a frame's outcome; resolves when it is on the disk. Frames that end together share one write.
   *
   * @throws WriteError: the journal takes nothing more then, because its last line may be half written
   */
  record(entry: JournalEntry): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ entry, resolve, reject });
      this.#writing ??= this.#writePending();
    });
  }

  /** Write what is pending and let go of the file. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
    await this.#unlock();
  }

  async #writePending(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        if (this.#failure !== undefined) {
          throw this.#failure;
        }
        if (this.#bytes > this.#rotateBeyond) {
          await this.#rotate();
        }
        const lines = Buffer.from(batch.map(({ entry }) => `${JSON.stringify(entry)}\n`).join(''));
        await this.#handle.write(lines, 0, lines.length, this.#bytes);
        await this.#handle.datasync();
        this.#bytes += lines.length;
      } catch (cause) {
        this.#failure ??= cause instanceof WriteError ? cause : cannotWrite(this.#file, cause);
        for (const { reject } of batch) {
          reject(this.#failure);
        }
        continue;
      }
      for (const { entry, resolve } of batch) {
        this.#done.add(entry.frame);
        resolve();
      }
    }
    this.#writing = undefined;
  }

  /** Begin the file anew with the set of finished frames; the old lines stay readable in `FILE.old`. */
  async #rotate(): Promise<void> {
    const old = `${this.#file}.old`;
    await unlink(old).catch(() => undefined);
    // A second name first, then the new file over the first one: at no moment is there no journal.
    await link(this.#file, old);
    await writeFileAtomic(this.#file, headerLine(this.#subject, this, this.#done));
    await this.#handle.close();
    this.#handle = await open(this.#file, 'r+');
    this.#bytes = (await this.#handle.stat()).size;
    this.#rotateBeyond = Math.max(this.#maxBytes, 2 * this.#bytes);
  }
}

function headerLine(
  { photos, size }: JournalSubject,
  { stream, run }: { readonly stream: string; readonly run: string },
  done: FrameSet,
): string {
  const ranges = done.ranges.map(([first, last]): [number, number] => [first, last]);
  const header: Header = {
    journal: 'semcast.transmitter/1',
    stream,
    run,
    photos,
    size,
    done: ranges,
  };
  return `${JSON.stringify(header)}\n`;
}

interface ParsedJournal {
  readonly header: Header;
  readonly headerBytes: number;
  readonly done: FrameSet;
  /** Up to the last newline. */
  readonly bytes: number;
}

function parseJournal(file: string, content: Buffer): ParsedJournal {
  const bytes = content.lastIndexOf(0x0a) + 1;
  const [first = '', ...lines] = content.toString('utf8', 0, bytes).split('\n');
  const header = parseLine(file, 1, first, headerSchema);
  const done = new FrameSet(header.done satisfies readonly FrameRange[]);
  // The last element is what follows the last newline: nothing.
  for (const [i, line] of lines.slice(0, -1).entries()) {
    done.add(parseLine(file, i + 2, line, entrySchema).frame);
  }
  return { header, headerBytes: first.length + 1, done, bytes };
}

function parseLine<S extends z.ZodType>(file: string, number: number, line: string, schema: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw corrupt(file, number, 'it is no JSON', cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw corrupt(file, number, `${issue.path.join('.') || 'line'}: ${issue.message}`, parsed.error);
  }
  return parsed.data;
}

function corrupt(file: string, line: number, message: string, cause: unknown): JournalCorruptError {
  return new JournalCorruptError(`line ${line} of the journal ${file} isn't one that a transmitter wrote: ${message}`, {
    remedy: 'restore the journal, or start over with a new file and a new stream id',
    cause,
  });
}

function checkSubject(options: JournalOptions, header: Header): void {
  const differences = [
    options.stream !== undefined && options.stream !== header.stream
      ? `of stream "${header.stream}", not "${options.stream}"`
      : undefined,
    options.photos === header.photos ? undefined : 'of other photographs (or another order)',
    options.size === header.size ? undefined : `of pictures of size ${header.size}, not ${options.size}`,
  ].filter((difference) => difference !== undefined);
  if (differences.length > 0) {
    throw new JournalMismatchError(`the journal ${options.file} is ${differences.join(', and ')}`, {
      remedy: 'go on with the same photographs, size and stream id, or begin another journal file',
    });
  }
}
