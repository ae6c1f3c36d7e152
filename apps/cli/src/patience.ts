import { duration } from './arguments/durations.js';
import { value, type ValueFlag } from './arguments/spec.js';
import { TimeoutError } from './errors.js';
import { formatSeconds } from './terminal/progress.js';
import type { Terminal } from './terminal/terminal.js';
import { printable } from './terminal/width.js';

/** The longest time for a picture of a decoder that samples on a busy machine. */
export const DEFAULT_TIMEOUT_MS = 600_000;
/** The first note about what is waited for; later ones follow after twice, four times, … this time. */
const FIRST_NOTE_MS = 10_000;
const LOOK_MS = 500;

/** `--timeout S` of a command that ends by itself. */
export function timeoutFlag(
  description = 'give up when nothing has come for so long',
  defaultMs = DEFAULT_TIMEOUT_MS,
): ValueFlag<number> {
  return value('S', duration({ minMs: 100 }), description, defaultMs / 1000);
}

export interface PatienceOptions {
  readonly terminal: Terminal;
  /** How long nothing may come; Infinity for a wait that has another end. */
  readonly timeoutMs: number;
  /** What is waited for now: `pictures from ws://…`. */
  readonly waitingFor: () => string;
}

/** How long a command waits without anything coming, and what it says meanwhile. */
export interface Patience {
  /** Aborted, with a TimeoutError, when nothing has come for too long. */
  readonly signal: AbortSignal;
  /** Something has come. */
  readonly progress: () => void;
  readonly stop: () => void;
}

/** Begin to wait. Where no terminal shows a live line, a line now and then says what is waited for. */
export function startPatience({ terminal, timeoutMs, waitingFor }: PatienceOptions): Patience {
  const expiry = new AbortController();
  let since = performance.now();
  let noteAfterMs = FIRST_NOTE_MS;
  const timer = setInterval(
    () => {
      const silentMs = performance.now() - since;
      if (silentMs >= timeoutMs) {
        clearInterval(timer);
        const what = `waited ${formatSeconds(timeoutMs / 1000)} in vain for ${printable(waitingFor())}`;
        const remedy = 'see whether the services are alive and have work; --timeout S waits longer';
        expiry.abort(new TimeoutError(what, { remedy }));
      } else if (silentMs >= noteAfterMs) {
        noteAfterMs *= 2;
        if (!terminal.interactive) {
          terminal.note(`waiting for ${printable(waitingFor())}, for ${formatSeconds(silentMs / 1000)} now`);
        }
      }
    },
    Math.min(LOOK_MS, timeoutMs),
  );
  return {
    signal: expiry.signal,
    progress: () => {
      since = performance.now();
      noteAfterMs = FIRST_NOTE_MS;
    },
    stop: () => clearInterval(timer),
  };
}
