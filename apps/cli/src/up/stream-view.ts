import type { CompletedSummary, DroppedSummary, OutcomeSummary, PreviewSummary } from '@semcast/transmitter';
import { createRowPrinter, type Column, type RowPrinter } from '../terminal/columns.js';
import { counted, createSpinner, formatMilliseconds, sparkline } from '../terminal/progress.js';
import type { LiveLine, Terminal } from '../terminal/terminal.js';
import { printable, wrap } from '../terminal/width.js';
import { figure, FRAME_COLUMNS, PSNR_HIGH_DB, PSNR_LOW_DB, photoName, SAMPLING_COLUMNS } from './frame-columns.js';
import { snrDbOf, Tally } from './tally.js';

/** On a screen the titles come again before they have scrolled away. */
const ROWS_PER_HEADER = 20;
const SPARKS = 12;

export interface StreamViewOptions {
  readonly terminal: Terminal;
  /** Frames that will come; undefined for a stream without end. */
  readonly expected: number | undefined;
  /** Whether the decoder samples, so that there are previews and steps to be told of. */
  readonly sampling?: boolean;
}

/** The table of frames that `up` prints row by row, and the line below it that lives. */
export class StreamView implements LiveLine {
  readonly tally = new Tally();
  readonly #terminal: Terminal;
  readonly #expected: number | undefined;
  readonly #frameColumns: readonly Column<CompletedSummary>[];
  #printer: RowPrinter<CompletedSummary>;
  #columns: number;
  #rows = 0;
  readonly #spinner = createSpinner();
  #away: string | null = null;
  #last: CompletedSummary | undefined;
  /** The newest picture on the way, until its frame has ended. */
  #preview: PreviewSummary | undefined;

  constructor({ terminal, expected, sampling = false }: StreamViewOptions) {
    this.#terminal = terminal;
    this.#expected = expected;
    this.#frameColumns = sampling ? SAMPLING_COLUMNS : FRAME_COLUMNS;
    this.#columns = terminal.resultColumns;
    this.#printer = this.#createPrinter();
  }

  /** The link went away (why), or came back (null). */
  setAway(reason: string | null): void {
    this.#away = reason;
    this.#terminal.refresh();
  }

  /** A picture on the way came. */
  preview(preview: PreviewSummary): void {
    this.#preview = preview;
    this.#terminal.refresh();
  }

  add(outcome: OutcomeSummary): void {
    if (this.#preview?.frame === outcome.frame) {
      this.#preview = undefined;
    }
    this.tally.add(outcome, performance.now());
    this.#header();
    this.#rows++;
    if (outcome.kind === 'dropped') {
      this.#terminal.result(...this.#droppedRow(outcome));
    } else {
      this.#last = outcome;
      this.#terminal.result(this.#printer.row(outcome));
    }
  }

  /** A rule and the mean, below the last row. */
  footer(): void {
    const { resultColours: colours } = this.#terminal;
    const { completed, dropped, meanPsnrDb, meanPreviewPsnrDb } = this.tally;
    const parts = [
      counted(completed, 'frame'),
      `mean PSNR ${colours.bold(`${figure(meanPsnrDb, 2)} dB`)}`,
      ...(Number.isNaN(meanPreviewPsnrDb) ? [] : [`of previews ${figure(meanPreviewPsnrDb, 2)} dB`]),
      ...(dropped === 0 ? [] : [colours.red(`${dropped} dropped`)]),
    ];
    this.#terminal.result(this.#printer.rule, `  ${parts.join(' · ')}`);
  }

  /** The status line: how many, how fast, how noisy, how good. */
  render(columns: number): string {
    const { colours } = this.#terminal;
    const mark = this.#away === null ? colours.cyan(this.#spinner()) : colours.yellow('!');
    const { tally } = this;
    const count =
      this.#expected === undefined ? `${tally.completed} frames` : `${tally.completed} of ${this.#expected}`;
    const parts = [
      `${count}${tally.dropped === 0 ? '' : colours.red(`, ${tally.dropped} dropped`)}`,
      `${tally.rate(performance.now()).toFixed(1)}/s`,
    ];
    if (this.#away !== null) {
      parts.push(colours.yellow(printable(this.#away)));
    } else if (this.#last === undefined) {
      parts.push(this.#refining() ?? 'waiting for the first picture');
    } else {
      const wide = columns >= 90;
      const sparks = (values: readonly number[], low: number, high: number): string =>
        wide ? `${colours.cyan(sparkline(values.slice(-SPARKS), low, high))} ` : '';
      const snrDb = snrDbOf(this.#last);
      parts.push(
        `SNR ${sparks(tally.recentSnrDb, 0, 20)}${figure(snrDb, 1)} dB`,
        `PSNR ${sparks(tally.recentPsnrDb, PSNR_LOW_DB, PSNR_HIGH_DB)}${figure(this.#last.psnrDb, 1)} dB`,
      );
      const refining = this.#refining();
      if (refining !== undefined && wide) {
        parts.push(refining);
      }
    }
    if (this.#expected === undefined) {
      parts.push(colours.dim('Ctrl-C ends'));
    }
    return `  ${mark} ${parts.join(colours.dim(' · '))}`;
  }

  /** The newest picture that is being refined, and its time. */
  #refining(): string | undefined {
    if (this.#preview === undefined) {
      return undefined;
    }
    const { name, steps, endToEndMs } = this.#preview;
    return `refining ${photoName(name)} (${steps === 0 ? 'preview' : `step ${steps}`} after ${formatMilliseconds(endToEndMs)})`;
  }

  #createPrinter(): RowPrinter<CompletedSummary> {
    return createRowPrinter(this.#frameColumns, { colours: this.#terminal.resultColours, width: this.#columns });
  }

  #header(): void {
    const resized = this.#terminal.resultColumns !== this.#columns;
    if (resized) {
      this.#columns = this.#terminal.resultColumns;
      this.#printer = this.#createPrinter();
    }
    if (this.#rows === 0 || resized || (this.#terminal.interactive && this.#rows % ROWS_PER_HEADER === 0)) {
      this.#terminal.result('', ...this.#printer.header);
    }
  }

  #droppedRow({ name, reason, detail }: DroppedSummary): string[] {
    const { resultColours: colours, resultColumns } = this.#terminal;
    const head = `  ${colours.red('✗')} ${photoName(name)} was dropped: ${colours.red(reason)}`;
    return [head, ...wrap(printable(detail), resultColumns - 6).map((line) => `    ${colours.dim(line)}`)];
  }
}
