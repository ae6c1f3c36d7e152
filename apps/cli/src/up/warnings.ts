import { readLogLine } from '../processes/log-lines.js';

/** A message that was shown less than this ago is left out. */
const REPEAT_MS = 30_000;
/** Lines within a window; beyond them a remark that the log has more. */
const MAX_LINES = 6;
const WINDOW_MS = 10_000;

/**
 * Selects from the services' logs the lines for a user at the terminal: warnings and errors, each once, few at a time.
 *
 * @param show one line, ready to be printed
 */
export function createWarningFilter(show: (line: string) => void): (service: string, line: string) => void {
  const shownAt = new Map<string, number>();
  return (service, line) => {
    const { level, text } = readLogLine(line);
    // A stack trace belongs into the log.
    if (level === 'quiet' || /^\s+at /.test(text) || text.trim() === '') {
      return;
    }
    const message = `${service}: ${text}`;
    const time = performance.now();
    for (const [known, at] of shownAt) {
      if (time - at > REPEAT_MS) {
        shownAt.delete(known);
      }
    }
    if (shownAt.has(message)) {
      return;
    }
    const recent = [...shownAt.values()].filter((at) => time - at < WINDOW_MS).length;
    if (recent > MAX_LINES) {
      return;
    }
    shownAt.set(message, time);
    show(recent === MAX_LINES ? 'there is more of this in the log' : message);
  };
}
