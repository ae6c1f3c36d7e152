import type { Column } from '../terminal/columns.js';
import { createSpinner, formatLatency as ms, formatMilliseconds, formatSeconds } from '../terminal/progress.js';
import type { LiveLine, Terminal } from '../terminal/terminal.js';
import { figure } from '../up/frame-columns.js';
import type { LoadFigures } from './report.js';
import type { LoadProgress } from './run-load.js';
import type { SloVerdict } from './slo.js';

/** Without a terminal: the least time between two lines. */
const LINE_EVERY_MS = 10_000;

/** `0.50`, `12.0`, `1250`: a rate in as many digits as tell something. */
export function rateText(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate >= 10 ? rate.toFixed(1) : rate.toFixed(2);
}

/** `queue-full 3, client-backlog 12`. */
export function reasonsText(reasons: Readonly<Record<string, number>>): string {
  return Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
}

/** The line below the table while a rate is run: throughput, latency, what is under way, drops. */
export class LoadView implements LiveLine {
  readonly #terminal: Terminal;
  #progress: LoadProgress | undefined;
  /** Null where it changes. */
  #rate: number | null = null;
  readonly #spinner = createSpinner();
  #lastLineAt = performance.now();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  watch(rate: number | null, progress: LoadProgress): void {
    this.#rate = rate;
    this.#progress = progress;
  }

  /** To be called every now and then: prints the line where lines don't live. */
  tick(): void {
    if (!this.#terminal.interactive && performance.now() - this.#lastLineAt >= LINE_EVERY_MS) {
      this.#lastLineAt = performance.now();
      this.#terminal.note(this.#text(Infinity));
    }
  }

  render(columns: number): string {
    return `  ${this.#terminal.colours.cyan(this.#spinner())} ${this.#text(columns - 4)}`;
  }

  #text(room: number): string {
    const { colours } = this.#terminal;
    const progress = this.#progress;
    if (progress === undefined) {
      return 'connecting …';
    }
    const { phase, leftMs, measuredMs, ledger, waiting, underWay, credits } = progress;
    const left = formatSeconds(leftMs / 1000);
    if (phase === 'connecting') {
      return `connecting … ${left}`;
    }
    const { completed, dropped, droppedByReason } = ledger.counts();
    const goodput = measuredMs < 500 ? null : ledger.completedWithin / (measuredMs / 1000);
    // The first parts are the most important: the end is cut where the line is too long.
    const parts = [
      `${this.#rate === null ? '' : `${rateText(this.#rate)}/s `}${phase} ${left}`,
      ...(goodput === null ? [] : [`goodput ${rateText(goodput)}/s`]),
      ...(completed === 0
        ? []
        : [`p50 ${ms(ledger.times.latencyMs.percentile(50))}`, `p99 ${ms(ledger.times.latencyMs.percentile(99))}`]),
      `${underWay}/${credits} credits${waiting === 0 ? '' : `, ${waiting} waiting`}`,
      ...(dropped === 0 ? [] : [`${dropped} dropped: ${reasonsText(droppedByReason)}`]),
    ];
    const plain = parts.join(' · ');
    return plain.length > room ? plain : parts.join(colours.dim(' · '));
  }
}

/** A row a rate. Widths are fixed, as rows are printed when they are measured. */
export const LOAD_COLUMNS: readonly Column<LoadFigures>[] = [
  { title: 'rate/s', align: 'right', width: 6, cell: ({ rate }) => rateText(rate) },
  { title: 'offered/s', align: 'right', width: 7, optional: 4, cell: ({ offeredRate }) => rateText(offeredRate) },
  { title: 'goodput/s', align: 'right', width: 7, cell: ({ goodput }) => rateText(goodput) },
  { title: 'completed', align: 'right', width: 7, optional: 5, cell: ({ frames }) => String(frames.completed) },
  { title: 'dropped', align: 'right', width: 7, cell: ({ frames }) => String(frames.dropped) },
  { title: 'preview p50', align: 'right', width: 8, optional: 6, cell: ({ previewLatencyMs: { p50 } }) => ms(p50) },
  { title: 'p50', align: 'right', width: 8, cell: ({ latencyMs: { p50 } }) => ms(p50) },
  { title: 'p95', align: 'right', width: 8, optional: 7, cell: ({ latencyMs: { p95 } }) => ms(p95) },
  { title: 'p99', align: 'right', width: 8, cell: ({ latencyMs: { p99 } }) => ms(p99) },
  { title: 'max', align: 'right', width: 8, optional: 8, cell: ({ latencyMs: { max } }) => ms(max) },
  { title: 'PSNR dB', align: 'right', width: 7, optional: 2, cell: ({ quality: { psnrDb } }) => figure(psnrDb, 2) },
  { title: 'steps', align: 'right', width: 5, optional: 3, cell: ({ quality: { steps } }) => figure(steps, 1) },
  {
    title: '',
    width: 8,
    cell: ({ sustained, slo }) => (!sustained ? 'overload' : slo.every(({ met }) => met) ? '' : 'missed'),
  },
];

/** `p99=2s: 1.3 s`. */
export function verdictText({ slo, value }: SloVerdict): string {
  if (value === null) {
    return `${slo}: never`;
  }
  return `${slo}: ${slo.startsWith('drops') ? `${(100 * value).toFixed(2)} %` : formatMilliseconds(value)}`;
}
