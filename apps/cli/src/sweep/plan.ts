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
  /** Which draw of the noise, from 0. */
  readonly draw: number;
  /** Its place among the cases of its group. */
  readonly place: number;
  /**
   * Number of the frame within its stream. Photograph, draw, SNR and rate decide it, the decoder doesn't: with the
   * stream's name and the seed it fixes what the channel does, so all decoders face the same received samples.
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
  /** How often each photograph is sent, each time through other noise and fading. */
  readonly draws: number;
}

/** Every combination: variants outermost, then SNRs, then rates, then draws, then photographs, each in the order given. */
export function planSweep({ files, variants, snrsDb, cbrs, draws }: SweepGrid): SweepGroup[] {
  return variants.flatMap((variant) =>
    snrsDb.flatMap((snrDb, snrIndex) =>
      cbrs.map((cbr, cbrIndex) => ({
        variant,
        snrDb,
        cbr,
        cases: Array.from({ length: draws * files.length }, (_, place) => {
          const index = place % files.length;
          const draw = Math.floor(place / files.length);
          const frame = (snrIndex * cbrs.length + cbrIndex) * draws * files.length + place;
          return { variant, snrDb, cbr, file: files[index]!, index, draw, place, frame };
        }),
      })),
    ),
  );
}

/** What tells variants apart, in terms that a report has, too. */
interface VariantNames {
  /** Where a sweep compares several. */
  readonly bundle?: string | undefined;
  readonly decoder: string;
  readonly steps: number;
}

/** Names a case among all of a sweep. */
export function caseKey({ bundle = '', decoder, steps }: VariantNames, frame: number): string {
  return `${bundle} ${decoder} ${steps} ${frame}`;
}

/** {@link groupKey} of a planned group. */
export function keyOfGroup({ variant: { bundle, decoder, steps }, snrDb, cbr }: SweepGroup): string {
  return groupKey({ bundle, decoder, steps, snrDb, cbr });
}

/** Names a group among all of a sweep. */
export function groupKey({
  bundle = '',
  decoder,
  steps,
  snrDb,
  cbr,
}: VariantNames & { readonly snrDb: number; readonly cbr: string }): string {
  return `${bundle} ${decoder} ${steps} ${snrDb} ${cbr}`;
}
