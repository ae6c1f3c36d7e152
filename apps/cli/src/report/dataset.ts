import { DEFAULT_SAMPLE_RATE_HZ } from '@semcast/channel-models';
import { bootstrapInterval, type Interval } from '@semcast/quality';
import { BASELINE, qualityColumns, type QualityColumn } from '../sweep/compare.js';
import { groupKey } from '../sweep/plan.js';
import type { SweepReport, SweepRow } from '../sweep/report.js';
import { mean } from '../sweep/statistics.js';

/** A report of a sweep, and where it came from. */
export interface ReportSource {
  readonly file: string;
  readonly report: SweepReport;
}

/** Everything that tells one line of a figure from another, in words: `estimator` → `estimator blind`. */
type Attributes = Readonly<Record<string, string>>;

/** A row, and the seed of its sweep: with the frame's number it fixes noise and fading. */
export type SeededRow = SweepRow & { readonly seed: number };

/** A decoder with its options over a channel: a line in a figure. */
export interface Series {
  /** With as much of its circumstances as tells it from the others. */
  readonly label: string;
  /** The same without options that a sweep varies and without steps: the decoder whose dial is turned. */
  readonly family: string;
  /** `realism=0.5, 2 steps`: where the dial stands; empty for a decoder that has one setting only. */
  readonly setting: string;
  /** Conditions under which it may be held against others. */
  readonly circumstances: string;
  readonly decoder: string;
}

/** Photographs of one series at one SNR and rate. */
export interface Cell {
  readonly series: Series;
  readonly snrDb: number;
  readonly cbr: string;
  /** Channel uses per image value, pilots and prefixes counted in. */
  readonly cbrValue: number;
  readonly rows: readonly SeededRow[];
  /** Places of the rows of each photograph, whatever its draw and seed. */
  readonly photographs: readonly (readonly number[])[];
  /** Figures of the whole set, where they were measured over exactly these photographs. */
  readonly ofSet: Readonly<Record<string, number | null>>;
}

/** A mean, and its interval where there is one. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval | undefined;
}

export interface Dataset {
  readonly series: readonly Series[];
  readonly cells: readonly Cell[];
  readonly snrsDb: readonly number[];
  readonly cbrs: readonly string[];
  readonly measures: readonly QualityColumn[];
  /** Samples a second, of each channel. */
  readonly sampleRatesHz: readonly number[];
}

interface Tagged {
  readonly source: ReportSource;
  readonly row: SweepRow;
  readonly circumstances: Attributes;
  readonly setting: string;
  readonly decoder: string;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const options = (of: string, values: Readonly<Record<string, unknown>> = {}): Attributes =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${of}.${name}`, `${name} ${text(value)}`]));

/** What a report was measured under, but for its SNRs, its rates and its seed: those are axes, and draws. */
function circumstancesOf({ report }: ReportSource, row: SweepRow): Attributes {
  const { device, conditions } = report;
  const bundle = (row.bundle === undefined ? undefined : report.bundles?.[row.bundle]) ?? report.bundle;
  const { channel, channelOptions, csi = 'genie', waveform = 'single-carrier', waveformOptions } = conditions;
  const { size, images, imagesDigest, designSnrDb } = conditions;
  return {
    bundle: `${bundle.name} ${bundle.version}`,
    digest: bundle.digest.slice(0, 8),
    channel,
    ...options('channel', channelOptions),
    waveform,
    ...options('waveform', waveformOptions),
    csi: `csi ${csi}`,
    design: designSnrDb === undefined ? 'adaptive' : `design ${designSnrDb} dB`,
    size: size === 0 ? 'own size' : `${size}×${size}`,
    photographs: `${images.length} photographs (${imagesDigest.slice(0, 8)})`,
    device,
  };
}

/** The fewest attributes, taken in order, that tell apart what all of them tell apart. */
function distinguishing(all: readonly Attributes[]): string[] {
  const names = [...new Set(all.flatMap((attributes) => Object.keys(attributes)))];
  const countOf = (chosen: readonly string[]): number =>
    new Set(all.map((attributes) => JSON.stringify(chosen.map((name) => attributes[name] ?? '')))).size;
  const chosen: string[] = [];
  while (countOf(chosen) < countOf(names)) {
    const counts = names.map((name) => countOf([...chosen, name]));
    chosen.push(names[counts.indexOf(Math.max(...counts))]!);
  }
  return names.filter((name) => chosen.includes(name));
}

/**
 * Rows of several sweeps as lines of figures: same decoder, options and circumstances are one line, whatever file and
 * seed they are from. A measurement that stands in two files counts once.
 */
export function createDataset(sources: readonly ReportSource[]): Dataset {
  const tagged = sources.flatMap((source) => {
    return source.report.rows.map((row): Tagged => {
      const circumstances = circumstancesOf(source, row);
      const [decoder, ...dial] = row.decoder.split(' ');
      const steps = row.steps === 0 ? [] : [`${row.steps} ${row.steps === 1 ? 'step' : 'steps'}`];
      return { source, row, circumstances, setting: [...dial, ...steps].join(', '), decoder: decoder! };
    });
  });
  const shown = distinguishing(tagged.map(({ circumstances }) => circumstances));
  const settingsOf = (decoder: string): Set<string> =>
    new Set(tagged.filter((each) => each.decoder === decoder).map(({ setting }) => setting));
  const hasSteps = new Map(
    [...new Set(tagged.map(({ decoder }) => decoder))].map((decoder) => {
      const steps = [...settingsOf(decoder)].map((setting) => /(\d+) steps?$/.exec(setting)?.[1]);
      return [decoder, new Set(steps).size > 1];
    }),
  );
  const groups = new Map<string, { series: Series; rows: Map<string, Tagged> }>();
  for (const each of tagged) {
    const { circumstances, decoder, row, source } = each;
    const setting = hasSteps.get(decoder) ? each.setting : each.setting.replace(/(, )?\d+ steps?$/, '');
    const family = [decoder, ...shown.map((name) => circumstances[name] ?? '')].filter((words) => words !== '');
    const series: Series = {
      label: [...family, setting].filter((words) => words !== '').join(', '),
      family: family.join(', '),
      setting,
      circumstances: JSON.stringify(circumstances),
      decoder,
    };
    const key = JSON.stringify([series.circumstances, decoder, setting, row.snrDb, row.cbr]);
    const group = groups.get(key) ?? { series, rows: new Map<string, Tagged>() };
    group.rows.set(`${source.report.seed} ${row.frame}`, each);
    groups.set(key, group);
  }
  const known = new Map<string, Series>();
  const cells = [...groups.values()].map(({ series, rows }) => {
    const same = JSON.stringify([series.circumstances, series.label]);
    known.set(same, known.get(same) ?? series);
    return toCell(known.get(same)!, [...rows.values()]);
  });
  return {
    series: [...known.values()],
    cells,
    snrsDb: [...new Set(cells.map(({ snrDb }) => snrDb))].sort((a, b) => a - b),
    cbrs: [...new Set([...cells].sort((a, b) => a.cbrValue - b.cbrValue).map(({ cbr }) => cbr))],
    measures: measuresOf(sources),
    sampleRatesHz: [...new Set(sources.map(sampleRateOf))],
  };
}

function sampleRateOf({ report }: ReportSource): number {
  const { sampleRateHz } = report.conditions.channelOptions ?? {};
  return typeof sampleRateHz === 'number' ? sampleRateHz : DEFAULT_SAMPLE_RATE_HZ;
}

function measuresOf(sources: readonly ReportSource[]): QualityColumn[] {
  const metrics = new Set(sources.flatMap(({ report }) => report.rows.flatMap((row) => Object.keys(row.metrics))));
  const realism = new Set(
    sources.flatMap(({ report }) => report.summary.flatMap((entry) => Object.keys(entry.realism ?? {}))),
  );
  return qualityColumns({ metrics: [...metrics], realism: [...realism] });
}

function toCell(series: Series, tagged: readonly Tagged[]): Cell {
  const rows = tagged.map(({ row, source }) => ({ ...row, seed: source.report.seed }));
  const { bundle, snrDb, cbr, channelUses, width, height, decoder, steps } = rows[0]!;
  const overhead = mean(rows.map((row) => row.cbrWithOverhead ?? channelUses / (3 * width * height)));
  const places = new Map<string, number[]>();
  for (const [place, { image }] of rows.entries()) {
    places.set(image, [...(places.get(image) ?? []), place]);
  }
  const summary = tagged[0]!.source.report.summary.find(
    (entry) => groupKey(entry) === groupKey({ bundle, decoder, steps, snrDb, cbr }),
  );
  return {
    series,
    snrDb,
    cbr,
    cbrValue: overhead!,
    rows,
    photographs: [...places.values()],
    ofSet: summary?.n === rows.length ? (summary.realism ?? {}) : {},
  };
}

/** A measure of one photograph; null where it has none. */
export function valueOf(row: SweepRow, name: string): number | null {
  const known = row as unknown as Readonly<Record<string, number | null | undefined>>;
  return row.metrics[name] ?? known[name] ?? null;
}

/**
 * Mean of a value over rows, with its 95 % interval: photographs are drawn, all draws and seeds of one together; of a
 * single photograph, its draws. Undefined where no row has the value.
 */
function estimateOf(
  { rows, photographs }: Pick<Cell, 'rows' | 'photographs'>,
  value: (row: SeededRow) => number | null,
): Estimate | undefined {
  const values = rows.map((row) => value(row));
  const clusters = photographs.length > 1 ? photographs : rows.map((_, place) => [place]);
  const sums = clusters
    .map((places) => places.flatMap((place) => values[place] ?? []))
    .filter((found) => found.length > 0)
    .map((found) => ({ sum: found.reduce((sum, one) => sum + one, 0), count: found.length }));
  const meanOf = (places: readonly number[]): number => {
    let [sum, count] = [0, 0];
    for (const place of places) {
      sum += sums[place]!.sum;
      count += sums[place]!.count;
    }
    return sum / count;
  };
  return sums.length === 0
    ? undefined
    : {
        value: meanOf([...sums.keys()]),
        interval: sums.length < 2 ? undefined : bootstrapInterval(sums.length, meanOf),
      };
}

/** A measure of a cell: a figure of the whole set has no interval, because features of its pictures are in no report. */
export function measureOf(cell: Cell, { name, isOfSet }: QualityColumn): Estimate | undefined {
  if (isOfSet) {
    const value = cell.ofSet[name];
    return value === null || value === undefined ? undefined : { value, interval: undefined };
  }
  return estimateOf(cell, (row) => valueOf(row, name));
}

/** The cell of the one-shot decoder under the same circumstances; undefined for that itself. */
export function baselineOf(cell: Cell, { cells }: Dataset): Cell | undefined {
  const { series, snrDb, cbr } = cell;
  return series.decoder === BASELINE
    ? undefined
    : cells.find(
        (other) =>
          other.series.decoder === BASELINE &&
          other.series.circumstances === series.circumstances &&
          other.snrDb === snrDb &&
          other.cbr === cbr,
      );
}

/** Mean difference from another cell over the frames that both have; a paired interval. */
export function differenceOf(cell: Cell, other: Cell, { name, isOfSet }: QualityColumn): Estimate | undefined {
  if (isOfSet) {
    const [own, others] = [cell.ofSet[name], other.ofSet[name]];
    return typeof own === 'number' && typeof others === 'number'
      ? { value: own - others, interval: undefined }
      : undefined;
  }
  const sameFrame = new Map(other.rows.map((row) => [`${row.seed} ${row.frame}`, row]));
  return estimateOf(cell, (row) => {
    const pair = sameFrame.get(`${row.seed} ${row.frame}`);
    const [own, others] = [valueOf(row, name), pair === undefined ? null : valueOf(pair, name)];
    return own === null || others === null ? null : own - others;
  });
}
