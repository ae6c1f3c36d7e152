import { readLogLine } from '../processes/log-lines.js';

export interface WarningFilterOptions {
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** The same words again within this time say nothing new. */
  readonly repeatMs?: number;
  /** Lines within {@link windowMs}; beyond them a remark that the log has more. */
  readonly maxLines?: number;
  readonly windowMs?: number;
}

/**
 * Picks out of the services' logs what somebody who watches should see: warnings and errors, each once, few at a time.
 *
 * @param show one line, ready to be printed
 */
export function createWarningFilter(
  show: (line: string) => void,
  options: WarningFilterOptions = {},
): (service: string, line: string) => void {
  const { now = () => performance.now(), repeatMs = 30_000, maxLines = 6, windowMs = 10_000 } = options;
  const shownAt = new Map<string, number>();
  return (service, line) => {
    const { level, text } = readLogLine(line);
    // A stack trace belongs into the log.
    if (level === 'quiet' || /^\s+at /.test(text) || text.trim() === '') {
      return;
    }
    const words = `${service}: ${text}`;
    const time = now();
    for (const [known, at] of shownAt) {
      if (time - at > repeatMs) {
        shownAt.delete(known);
      }
    }
    if (shownAt.has(words)) {
      return;
    }
    const recent = [...shownAt.values()].filter((at) => time - at < windowMs).length;
    if (recent > maxLines) {
      return;
    }
    shownAt.set(words, time);
    show(recent === maxLines ? 'there is more of this in the log' : words);
  };
}
