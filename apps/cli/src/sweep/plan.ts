/** One photograph under one setting: what a sweep measures. */
export interface SweepCase {
  readonly decoder: string;
  readonly snrDb: number;
  readonly cbr: string;
  /** Path of the photograph. */
  readonly file: string;
  /**
   * Number of the frame within its stream. Photograph, SNR and rate decide it, the decoder doesn't: with the stream's
   * name and the seed it fixes every draw of the channel, so all decoders face the same received samples.
   */
  readonly frame: number;
}

/** Cases that share decoder, SNR and rate: one line of the summary. */
export interface SweepGroup {
  readonly decoder: string;
  readonly snrDb: number;
  readonly cbr: string;
  readonly cases: readonly SweepCase[];
}

export interface SweepGrid {
  readonly files: readonly string[];
  readonly decoders: readonly string[];
  readonly snrsDb: readonly number[];
  readonly cbrs: readonly string[];
}

/** Every combination: decoders outermost, then SNRs, then rates, then photographs, each in the order given. */
export function planSweep({ files, decoders, snrsDb, cbrs }: SweepGrid): SweepGroup[] {
  return decoders.flatMap((decoder) =>
    snrsDb.flatMap((snrDb, snrIndex) =>
      cbrs.map((cbr, cbrIndex) => ({
        decoder,
        snrDb,
        cbr,
        cases: files.map((file, fileIndex) => ({
          decoder,
          snrDb,
          cbr,
          file,
          frame: (snrIndex * cbrs.length + cbrIndex) * files.length + fileIndex,
        })),
      })),
    ),
  );
}
