import type { SweepProvenance } from '../sweep/report.js';
import type { LatencySummary } from './latencies.js';
import type { Fairness, FrameCounts, Ledger, StepFigures, StreamFigures } from './ledger.js';
import type { LoadConditions, LoadRun } from './run-load.js';
import type { SampledQuality } from './quality-sampler.js';
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
  /** Means over a sample of the completed frames, beside what all of them took. */
  readonly quality: StepFigures &
    SampledQuality & {
      /** Pictures of the sample. */
      readonly samples: number;
      /** Pictures of the sample that couldn't be read. */
      readonly unreadable: number;
    };
  /** What became of the frames of each address. */
  readonly targets: readonly (Pick<FrameCounts, 'sent' | 'completed' | 'dropped'> & {
    readonly to: string;
    readonly streams: number;
  })[];
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
  /** The generator; the receiver may be elsewhere. */
  readonly provenance: Pick<SweepProvenance, 'semcast' | 'commit' | 'machine'>;
  /** Null when nothing came back that would tell. */
  readonly noise: { readonly source: NoiseSource | null; readonly snrDb: number | null };
  /** Ctrl-C, or a link that was refused, before the end. */
  readonly interrupted: boolean;
  /** The highest rate that was sustained; null when none was. */
  readonly saturationRate: number | null;
  /** The highest rate that kept every objective; null when none did, or there are no objectives. */
  readonly capacityRate: number | null;
  /** Every rate, in the order in which they were run. The figures beside are those of one of them. */
  readonly runs: readonly LoadFigures[];
}

export function figuresOf(run: LoadRun, slo: readonly Slo[]): LoadFigures {
  const { rate, measuredS, ledger, targets, quality, lateness, maxRssBytes } = run;
  const frames = ledger.counts();
  const { samples, unreadable } = quality;
  const perSecond = (count: number): number => (measuredS === 0 ? 0 : count / measuredS);
  const streams = ledger.streams();
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
    quality: { ...quality.means(), ...ledger.steps(), samples, unreadable },
    targets: targets.map(({ to, streams: own }) => {
      const total = (what: 'sent' | 'completed' | 'dropped'): number =>
        own.reduce((sum, i) => sum + streams[i]![what], 0);
      return { to, streams: own.length, sent: total('sent'), completed: total('completed'), dropped: total('dropped') };
    }),
    fairness: ledger.fairness(),
    streams,
    series: ledger.series(),
    generator: {
      latenessMs: lateness.summary(),
      outstandingMax: ledger.maxOutstanding,
      rssBytesMax: maxRssBytes,
    },
    slo: slo.map((objective) => judgeSlo(objective, frames, ledger.times)),
  };
}

/** Every objective was kept, of which there was one. */
export function keepsObjectives({ slo }: Pick<LoadFigures, 'slo'>): boolean {
  return slo.length > 0 && slo.every(({ met }) => met);
}

function highest(runs: readonly LoadFigures[]): LoadFigures | undefined {
  return runs.reduce<LoadFigures | undefined>(
    (best, run) => (best === undefined || run.rate > best.rate ? run : best),
    undefined,
  );
}

/** What a report is about: the highest rate that was sustained, or that kept its objectives. */
export type Leading = 'sustained' | 'objectives';

/** The run at the highest rate that is what it should be, or the first where none is: what a report is about. */
export function leadingRun(runs: readonly LoadFigures[], leading: Leading = 'sustained'): LoadFigures {
  return highest(runs.filter(leading === 'sustained' ? (run) => run.sustained : keepsObjectives)) ?? runs[0]!;
}

/** @param runs at least one */
export function reportOf(
  runs: readonly LoadFigures[],
  about: Pick<LoadReport, 'command' | 'settings' | 'provenance' | 'noise' | 'interrupted'>,
  leading: Leading = 'sustained',
): LoadReport {
  return {
    schema: LOAD_SCHEMA,
    ...leadingRun(runs, leading),
    ...about,
    saturationRate: highest(runs.filter(({ sustained }) => sustained))?.rate ?? null,
    capacityRate: highest(runs.filter(keepsObjectives))?.rate ?? null,
    runs,
  };
}
