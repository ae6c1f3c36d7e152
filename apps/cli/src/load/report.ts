import type { LatencySummary } from './latencies.js';
import type { Fairness, FrameCounts, StreamFigures } from './ledger.js';
import type { LoadConditions, LoadRun } from './run-load.js';
import { isSustained } from './saturation.js';
import { judgeSlo, type Slo, type SloVerdict } from './slo.js';
import type { SeriesPoint } from './time-series.js';

export const LOAD_SCHEMA = 'semcast.load/1';

/** Measurements of a run at one rate. */
export interface LoadFigures {
  /** Frames per second asked for. */
  readonly rate: number;
  /** Frames per second that came due: as asked for, but for the chance in Poisson arrivals. */
  readonly offeredRate: number;
  /** Pictures per second that arrived while frames came due. */
  readonly goodput: number;
  /** Seconds in which frames came due. */
  readonly measuredS: number;
  /** Goodput is at least 95 % of the offered rate, and no stream's queue ran over; false for a run that was cut short. */
  readonly sustained: boolean;
  readonly frames: FrameCounts;
  /** From the intended send time to the final picture. */
  readonly latencyMs: LatencySummary;
  /** From the intended send time to the first picture: a preview, or the final one where none came before. */
  readonly previewLatencyMs: LatencySummary;
  /** Parts of `latencyMs`: the wait for a credit here, and the time from arrival to departure at the receiver. */
  readonly creditMs: LatencySummary;
  readonly receiverMs: LatencySummary;
  /** Parts of `receiverMs`: the wait for a place, and decoding. */
  readonly receiverQueueMs: LatencySummary;
  readonly decodeMs: LatencySummary;
  readonly quality: {
    /** Mean over a sample of the completed frames. */
    readonly psnrDb: number | null;
    /** Mean over all completed frames. */
    readonly steps: number | null;
    readonly evaluations: number | null;
    /** Share of completed frames that were given fewer steps than asked for. */
    readonly reducedShare: number | null;
    /** Pictures behind `psnrDb`. */
    readonly samples: number;
    /** Pictures of the sample that couldn't be read. */
    readonly unreadable: number;
  };
  readonly fairness: Fairness;
  readonly streams: readonly StreamFigures[];
  readonly series: readonly SeriesPoint[];
  /** The load generator itself. */
  readonly generator: {
    /** How late it noticed that a frame was due; part of every latency. */
    readonly latenessMs: LatencySummary;
    /** Most frames between due and ended at a time, those of the warm-up among them. */
    readonly outstandingMax: number;
    readonly rssBytesMax: number;
  };
  /** How the objectives of the test fared. */
  readonly slo: readonly SloVerdict[];
}

/** Who added noise: a channel on the way, the generator (`--snr`), or nobody. */
export type NoiseSource = 'channel' | 'generator' | 'none';

export interface LoadReport extends LoadFigures {
  readonly schema: typeof LOAD_SCHEMA;
  /** The command line, without its token. */
  readonly command: string;
  readonly settings: LoadConditions;
  /** Null when nothing came back that would tell. */
  readonly noise: { readonly source: NoiseSource | null; readonly snrDb: number | null };
  /** Ctrl-C, or a link that was refused, before the end. */
  readonly interrupted: boolean;
  /** The highest rate that was sustained; null when none was. */
  readonly saturationRate: number | null;
  /** Every rate, in the order in which they were run. The figures beside are those of one of them. */
  readonly runs: readonly LoadFigures[];
}

export function figuresOf(run: LoadRun, slo: readonly Slo[]): LoadFigures {
  const { rate, measuredS, ledger, quality, lateness, maxRssBytes } = run;
  const frames = ledger.counts();
  const { steps, evaluations, reducedShare } = ledger.steps();
  const perSecond = (count: number): number => (measuredS === 0 ? 0 : count / measuredS);
  return {
    rate,
    offeredRate: perSecond(frames.sent),
    goodput: perSecond(ledger.completedWithin),
    measuredS,
    sustained:
      !run.interrupted &&
      run.failure === undefined &&
      isSustained({
        sent: frames.sent,
        completedWithin: ledger.completedWithin,
        backlogDrops: frames.droppedByReason['client-backlog'] ?? 0,
      }),
    frames,
    latencyMs: ledger.latency.summary(),
    previewLatencyMs: ledger.preview.summary(),
    creditMs: ledger.credit.summary(),
    receiverMs: ledger.receiver.summary(),
    receiverQueueMs: ledger.receiverQueue.summary(),
    decodeMs: ledger.decode.summary(),
    quality: {
      psnrDb: quality.psnrDb,
      steps,
      evaluations,
      reducedShare,
      samples: quality.samples,
      unreadable: quality.unreadable,
    },
    fairness: ledger.fairness(),
    streams: ledger.streams(),
    series: ledger.series(),
    generator: {
      latenessMs: lateness.summary(),
      outstandingMax: ledger.maxOutstanding,
      rssBytesMax: maxRssBytes,
    },
    slo: slo.map((objective) =>
      judgeSlo(objective, { counts: frames, latency: ledger.latency, preview: ledger.preview }),
    ),
  };
}

/** The run at the highest sustained rate, or the first where none was sustained: what a report is about. */
export function leadingRun(runs: readonly LoadFigures[]): LoadFigures {
  const sustained = runs.filter((run) => run.sustained);
  return sustained.reduce((best, run) => (run.rate > best.rate ? run : best), sustained[0] ?? runs[0]!);
}

/** @param runs at least one */
export function reportOf(
  runs: readonly LoadFigures[],
  about: Pick<LoadReport, 'command' | 'settings' | 'noise' | 'interrupted'>,
): LoadReport {
  const leading = leadingRun(runs);
  return {
    schema: LOAD_SCHEMA,
    ...leading,
    ...about,
    saturationRate: leading.sustained ? leading.rate : null,
    runs,
  };
}
