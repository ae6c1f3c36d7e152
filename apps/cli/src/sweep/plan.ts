import type { SweepVariant } from './variants.js';

/** One photograph under one setting: what a sweep measures. */
export interface SweepCase {
  readonly variant: SweepVariant;
  readonly snrDb: number;
  readonly cbr: string;
  /** Path of the photograph. */
  readonly file: string;
  /** Its place among the photographs. */
  readonly index: number;
  /**
   * Number of the frame within its stream. Photograph, SNR and rate decide it, the decoder doesn't: with the stream's
   * name and the seed it fixes every draw of the channel, so all decoders face the same received samples.
   */
  readonly frame: number;
}

/** Cases that share decoder, steps, SNR and rate: one line of the summary. */
export interface SweepGroup {
  readonly variant: SweepVariant;
  readonly snrDb: number;
  readonly cbr: string;
  readonly cases: readonly SweepCase[];
}

export interface SweepGrid {
  readonly files: readonly string[];
  readonly variants: readonly SweepVariant[];
  readonly snrsDb: readonly number[];
  readonly cbrs: readonly string[];
}

/** Every combination: variants outermost, then SNRs, then rates, then photographs, each in the order given. */
export function planSweep({ files, variants, snrsDb, cbrs }: SweepGrid): SweepGroup[] {
  return variants.flatMap((variant) =>
    snrsDb.flatMap((snrDb, snrIndex) =>
      cbrs.map((cbr, cbrIndex) => ({
        variant,
        snrDb,
        cbr,
        cases: files.map((file, index) => ({
          variant,
          snrDb,
          cbr,
          file,
          index,
          frame: (snrIndex * cbrs.length + cbrIndex) * files.length + index,
        })),
      })),
    ),
  );
}

/** Names a case among all of a sweep, in words that a report has, too. */
export function caseKey(steps: { readonly decoder: string; readonly steps: number }, frame: number): string {
  return `${steps.decoder} ${steps.steps} ${frame}`;
}

/** Names a group among all of a sweep. */
export function groupKey(group: {
  readonly decoder: string;
  readonly steps: number;
  readonly snrDb: number;
  readonly cbr: string;
}): string {
  return `${group.decoder} ${group.steps} ${group.snrDb} ${group.cbr}`;
}
