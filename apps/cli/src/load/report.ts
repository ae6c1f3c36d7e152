import type { LatencySummary } from './latencies.js';
import type { Fairness, FrameCounts, Ledger, StepFigures, StreamFigures } from './ledger.js';
import type { LoadConditions, LoadRun } from './run-load.js';
import { isSustained } from './saturation.js';
import { judgeSlo, type Slo, type SloVerdict } from './slo.js';
import type { SeriesPoint } from './time-series.js';

export const LOAD_SCHEMA = 'semcast.load/1';

/** Measurements of a run at one rate, with the times of {@link Ledger.times}. */
export interface LoadFigures extends Readonly<Record<keyof Ledger['times'], LatencySummary>> {
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
  readonly quality: StepFigures & {
    /** Mean over a sample of the completed frames. */
    readonly psnrDb: number | null;
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
  const { psnrDb, samples, unreadable } = quality;
  const perSecond = (count: number): number => (measuredS === 0 ? 0 : count / measuredS);
  const times = Object.entries(ledger.times).map(([name, latencies]) => [name, latencies.summary()] as const);
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
    ...(Object.fromEntries(times) as Record<keyof Ledger['times'], LatencySummary>),
    quality: { psnrDb, ...ledger.steps(), samples, unreadable },
    fairness: ledger.fairness(),
    streams: ledger.streams(),
    series: ledger.series(),
    generator: {
      latenessMs: lateness.summary(),
      outstandingMax: ledger.maxOutstanding,
      rssBytesMax: maxRssBytes,
    },
    slo: slo.map((objective) => judgeSlo(objective, frames, ledger.times)),
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
