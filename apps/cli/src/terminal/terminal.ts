import pico from 'picocolors';
import { printable, truncate } from './width.js';

/** The part of process.stdout and process.stderr that is needed. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export type Colours = ReturnType<typeof pico.createColors>;

/** Something that lives on the last line of the screen and is drawn again and again. */
export interface LiveLine {
  /** The line as it is now, without a line break. */
  render(columns: number): string;
}

export interface TerminalOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard output belongs to JSON: tables go to standard error too. */
  readonly jsonOnStdout?: boolean;
}

/**
 * Where a command writes for people.
 *
 * Results (tables) go to standard output, everything that accompanies them to standard error, so that either can be
 * piped. One live line at most stands below whatever is printed; without a terminal there is none.
 */
export interface Terminal {
  /** Colours of results, and of what accompanies them: either stream may be piped. */
  readonly resultColours: Colours;
  readonly colours: Colours;
  readonly resultColumns: number;
  /** Standard error is a terminal, so a live line can be shown. */
  readonly interactive: boolean;
  /** Print lines of results. */
  readonly result: (...lines: string[]) => void;
  /** Print lines that accompany results. */
  readonly note: (...lines: string[]) => void;
  /** Print a warning; the text may come from another host. */
  readonly caution: (message: string) => void;
  /** Show a live line (null: none). It is redrawn at once, now and then, and by {@link refresh}. */
  setLive(line: LiveLine | null): void;
  /** Draw the live line again. */
  refresh(): void;
  /** The live line goes, the cursor comes back. */
  close(): void;
}

const HIDE_CURSOR = '\u001B[?25l';
export const SHOW_CURSOR = '\u001B[?25h';
const CLEAR_LINE = '\r\u001B[2K';
const DEFAULT_COLUMNS = 100;
const REFRESH_MS = 120;

function wantsColour(stream: OutputStream, env: TerminalOptions['env']): boolean {
  // https://no-color.org: present and not empty, whatever the value.
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') {
    return false;
  }
  if (env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '' && env['FORCE_COLOR'] !== '0') {
    return true;
  }
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** A stream without a terminal tells no width; `COLUMNS` may. */
function columnsOf(stream: OutputStream, env: TerminalOptions['env']): number {
  const fromEnv = Number(env['COLUMNS']);
  const columns = stream.columns ?? (Number.isInteger(fromEnv) && fromEnv > 0 ? fromEnv : DEFAULT_COLUMNS);
  return Math.max(20, columns);
}

export function createTerminal({ stdout, stderr, env, jsonOnStdout = false }: TerminalOptions): Terminal {
  const results = jsonOnStdout ? stderr : stdout;
  const interactive = stderr.isTTY === true && env['TERM'] !== 'dumb';
  let live: LiveLine | null = null;
  let drawn = false;
  let ticking: NodeJS.Timeout | undefined;
  const colours = pico.createColors(wantsColour(stderr, env));

  const erase = (): void => {
    if (drawn) {
      stderr.write(CLEAR_LINE);
      drawn = false;
    }
  };
  const draw = (): void => {
    if (live !== null && interactive) {
      const columns = columnsOf(stderr, env);
      // One column short: writing the last one makes some terminals wrap.
      stderr.write(`${HIDE_CURSOR}${CLEAR_LINE}${truncate(live.render(columns - 1), columns - 1)}`);
      drawn = true;
    }
  };
  const print = (stream: OutputStream, lines: readonly string[]): void => {
    erase();
    for (const line of lines) {
      stream.write(`${line}\n`);
    }
    draw();
  };
  const setLive = (line: LiveLine | null): void => {
    erase();
    clearInterval(ticking);
    if (live !== null && line === null && interactive) {
      stderr.write(SHOW_CURSOR);
    }
    live = line;
    draw();
    if (live !== null && interactive) {
      ticking = setInterval(draw, REFRESH_MS).unref();
    }
  };

  return {
    resultColours: pico.createColors(wantsColour(results, env)),
    colours,
    get resultColumns() {
      return columnsOf(results, env);
    },
    interactive,
    result: (...lines) => print(results, lines),
    note: (...lines) => print(stderr, lines),
    caution: (message) => print(stderr, [`  ${colours.yellow('!')} ${printable(message)}`]),
    setLive,
    refresh: draw,
    close: () => setLive(null),
  };
}
