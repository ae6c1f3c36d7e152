import type { Terminal } from './terminal.js';
import { truncate, visibleWidth } from './width.js';

/** 7 → "7 s", 75 → "1 min 15 s", 4000 → "1 h 7 min". */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) {
    return '–';
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  }
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 840 → "840 ms", 2340 → "2.3 s". */
export function formatMilliseconds(ms: number): string {
  if (ms < 9.95) {
    return `${ms.toFixed(1)} ms`;
  }
  return ms < 1000 ? `${Math.round(ms)} ms` : ms < 99_950 ? `${(ms / 1000).toFixed(1)} s` : formatSeconds(ms / 1000);
}

/** The same where there may be no figure. */
export const formatLatency = (ms: number | null): string => (ms === null ? '–' : formatMilliseconds(ms));

/** `1 photograph`, `9 photographs`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Each call gives the next picture of a spinner. */
export function createSpinner(): () => string {
  let tick = 0;
  return () => SPINNER.charAt(tick++ % SPINNER.length);
}

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** A bar of `width` columns, filled to a share (0 … 1) in steps of an eighth of a column. */
export function bar(share: number, width: number): { readonly full: string; readonly empty: string } {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!;
  return { full, empty: ' '.repeat(width - visibleWidth(full)) };
}

const LEVELS = '▁▂▃▄▅▆▇█';

/** The last values as a line of blocks, the lowest block at `low`, the highest at `high`. */
export function sparkline(values: readonly number[], low: number, high: number): string {
  return values
    .map((value) => {
      const share = (value - low) / (high - low);
      return LEVELS[Math.min(LEVELS.length - 1, Math.max(0, Math.round(share * (LEVELS.length - 1))))]!;
    })
    .join('');
}

export interface ProgressOptions {
  readonly terminal: Terminal;
  readonly total: number;
  readonly label: string;
}

/** Without a terminal: the least time between two lines. */
const LINE_EVERY_MS = 10_000;

/** How far a command is. */
export interface Progress {
  /** One more is done; `detail` says what is going on. */
  advance(detail?: string): void;
  stop(): void;
}

/** A bar with the time left on a terminal; elsewhere a line now and then. */
export function startProgress({ terminal, total, label }: ProgressOptions): Progress {
  const startedAt = performance.now();
  let done = 0;
  let detail = '';
  let lastLineAt = startedAt;

  const text = (): string => [`${done}/${total}`, remaining(), detail].filter((part) => part !== '').join(' · ');
  const remaining = (): string => {
    if (done === 0) {
      return '';
    }
    const seconds = (((performance.now() - startedAt) / done) * (total - done)) / 1000;
    return done === total ? formatSeconds((performance.now() - startedAt) / 1000) : `${formatSeconds(seconds)} left`;
  };
  terminal.setLive({
    render: (columns) => {
      const { dim, cyan } = terminal.colours;
      const width = Math.max(8, Math.min(28, columns - label.length - 40));
      const { full, empty } = bar(total === 0 ? 1 : done / total, width);
      // Cut here, where it is known what may go: the detail.
      const line = `  ${label} `;
      return `${line}${dim('▕')}${cyan(full)}${empty}${dim('▏')}${truncate(text(), columns - line.length - width - 2)}`;
    },
  });

  return {
    advance: (what = '') => {
      done++;
      detail = what;
      if (terminal.interactive) {
        terminal.refresh();
      } else if (performance.now() - lastLineAt >= LINE_EVERY_MS || done === total) {
        lastLineAt = performance.now();
        terminal.note(`${label} ${text()}`);
      }
    },
    stop: () => terminal.setLive(null),
  };
}
