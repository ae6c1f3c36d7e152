import { TraceError } from './errors.js';
import { MAX_SNR_DB, MIN_SNR_DB } from './snr-range.js';

/** The longest text of a trace, in UTF-16 code units. */
export const MAX_TRACE_CHARACTERS = 1 << 20;

/** SNR by frame, held between rows: `snrDb[i]` from frame `frames[i]` on. */
export interface SnrTrace {
  /** Strictly rising. */
  readonly frames: Float64Array;
  readonly snrDb: Float64Array;
  /** Frames until a looped trace starts again: the last row's frame + 1. */
  readonly period: number;
}

/**
 * Read the CSV text of an SNR trace.
 *
 * The header is `frame,snr_db` (frame numbers strictly rising) or `snr_db` alone (row k is frame k). Blank lines and
 * lines that begin with `#` are skipped; LF and CRLF both end a line.
 *
 * @throws TraceError naming the line that is wrong
 */
export function parseTrace(csv: string): SnrTrace {
  if (csv.length > MAX_TRACE_CHARACTERS) {
    throw new TraceError(`the trace is ${csv.length} characters long; at most ${MAX_TRACE_CHARACTERS} are read`);
  }
  const frames: number[] = [];
  const snrDb: number[] = [];
  let columns: number | undefined;
  for (const [index, line] of csv
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) {
      continue;
    }
    const cells = text.split(',').map((cell) => cell.trim());
    if (columns === undefined) {
      columns = columnsOfHeader(cells);
      continue;
    }
    if (cells.length !== columns) {
      throw new TraceError(`line ${index + 1} of the trace has ${cells.length} cells, not ${columns}`);
    }
    const frame = columns === 1 ? frames.length : Number(cells[0] === '' ? NaN : cells[0]);
    const snr = Number(cells.at(-1) === '' ? NaN : cells.at(-1));
    if (!Number.isSafeInteger(frame) || frame < 0) {
      throw new TraceError(`line ${index + 1} of the trace: "${cells[0]}" is no frame number`);
    }
    if (frames.length > 0 && frame <= frames.at(-1)!) {
      throw new TraceError(`line ${index + 1} of the trace: frame ${frame} doesn't come after ${frames.at(-1)}`);
    }
    if (!(snr >= MIN_SNR_DB && snr <= MAX_SNR_DB)) {
      throw new TraceError(
        `line ${index + 1} of the trace: "${cells.at(-1)}" is no SNR within ${MIN_SNR_DB} … ${MAX_SNR_DB} dB`,
      );
    }
    frames.push(frame);
    snrDb.push(snr);
  }
  if (frames.length === 0) {
    throw new TraceError('the trace has no rows');
  }
  return { frames: Float64Array.from(frames), snrDb: Float64Array.from(snrDb), period: frames.at(-1)! + 1 };
}

function columnsOfHeader(cells: readonly string[]): number {
  const header = cells.join(',').toLowerCase();
  if (header === 'frame,snr_db') {
    return 2;
  }
  if (header === 'snr_db') {
    return 1;
  }
  throw new TraceError(`the trace begins with "${cells.join(',').slice(0, 40)}", which is no header`);
}

/** The SNR in force at a frame: that of the last row at or before it; before the first row, the first row's. */
export function traceAt({ frames, snrDb }: SnrTrace, frame: number): number {
  let low = 0;
  let high = frames.length;
  // The last index whose frame is at or before the one asked for lies in [low, high).
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (frames[middle]! <= frame) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return snrDb[low]!;
}
