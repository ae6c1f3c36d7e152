import type { LogFn, Logger } from 'pino';

const WARN = 40;
const MINUTE_MS = 60_000;
/** Kinds that are counted apart; codes of peers are theirs to choose. */
const MAX_KINDS = 64;
const OTHERS = 'others';

/**
 * Limits how many warnings of a kind a log takes in a minute, since peers can bring them about as often as they like:
 * a refused frame, a refused link. Of the lines that are left out the next one tells how many they were.
 *
 * A warning's kind is its `event`, or else its `code`; lines without either are not limited.
 */
export class LineLimit {
  readonly #perMinute: number;
  readonly #kinds = new Map<string, { lines: number; leftOut: number }>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** For pino's `hooks.logMethod`: `write` writes the line. */
  log(logger: Logger, args: Parameters<LogFn>, level: number, write: LogFn): void {
    const kind = level === WARN ? kindOf(args[0]) : undefined;
    if (kind === undefined || this.#admits(kind, logger)) {
      write.apply(logger, args);
    }
  }

  #admits(kind: string, logger: Logger): boolean {
    const key = this.#kinds.has(kind) || this.#kinds.size < MAX_KINDS ? kind : OTHERS;
    let count = this.#kinds.get(key);
    if (count === undefined) {
      const counted = { lines: 0, leftOut: 0 };
      count = counted;
      this.#kinds.set(key, counted);
      setTimeout(() => {
        this.#kinds.delete(key);
        if (counted.leftOut > 0) {
          const message = `${counted.leftOut} more lines like this one ("${key}") were left out within a minute`;
          logger.warn({ leftOut: counted.leftOut }, message);
        }
      }, MINUTE_MS).unref();
    }
    const admitted = count.lines < this.#perMinute;
    count[admitted ? 'lines' : 'leftOut']++;
    return admitted;
  }
}

function kindOf(fields: unknown): string | undefined {
  if (typeof fields !== 'object' || fields === null) {
    return undefined;
  }
  const { event, code } = fields as { event?: unknown; code?: unknown };
  return typeof event === 'string' ? event : typeof code === 'string' ? code : undefined;
}
