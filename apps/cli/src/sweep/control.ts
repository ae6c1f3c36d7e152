import { join } from 'node:path';
import { createMetricPool, type Device, type MetricPool } from '@semcast/bundle';
import type { RgbImage } from '@semcast/core';
import {
  allFigures,
  bootstrapInterval,
  distanceOfSums,
  measureQuality,
  type Figures,
  type PatchFrechet,
  type PatchSums,
} from '@semcast/quality';
import { readPhoto } from '@semcast/transmitter';
import { UsageError } from '../errors.js';
import { readPicture } from '../pictures/read-picture.js';
import { BASELINE, qualityColumns, type QualityColumn } from './compare.js';
import { caseKey, planSweep, type SweepCase, type SweepGroup } from './plan.js';
import { concatenate, tryPatchFrechet, type Realism } from './realism.js';
import type { SweepComparison, SweepControl, SweepReport } from './report.js';
import { measuringThreads, pictureName, type SweepSettings } from './run-sweep.js';
import { bundleOf } from './variants.js';
import { amountFor, blur, SHARPENING_RADII, sharpen, type SharpeningPicture } from './sharpening.js';
import { mean } from './statistics.js';

/** Pixels of the photographs of one setting: each is in memory three times, in three bytes. */
const MAX_CONTROL_PIXELS = 100_000_000;

/** @throws UsageError when there is nothing to sharpen */
export function checkControl({ variants }: Pick<SweepSettings, 'variants'>): void {
  if (!variants.some(({ decoder }) => decoder === BASELINE) || variants.length < 2) {
    throw new UsageError(`--control needs ${BASELINE} and another decoder: it sharpens what ${BASELINE} decodes`, {
      remedy: `name them: --decoders ${BASELINE},${variants.find(({ decoder }) => decoder !== BASELINE)?.decoder ?? 'NAME'}`,
    });
  }
}

export interface ControlTools {
  /** Folder of the received pictures. */
  readonly pictures: string;
  readonly device: Device;
  readonly realism: Realism | undefined;
  readonly signal: AbortSignal;
  /** Called after each decoder of each setting. */
  readonly onGroup: (group: SweepGroup) => void;
}

/** The results of a decoder, or a filter, for the photographs of one setting, in their order. */
interface Entry {
  /** Of each photograph under one draw of the noise. */
  readonly figures: readonly Figures[];
  /** By the name of the feature bundle. */
  readonly sums: ReadonlyMap<string, readonly PatchSums[]>;
}

/**
 * Hold every decoder against jscc, and against the best that sharpening makes of jscc's pictures at the same mean PSNR:
 * whatever a filter without a network can do is no merit of a decoder.
 *
 * Three unsharp masks, each with one amount for all photographs of a setting. A measure is compared with the filter that
 * is best by that measure. Intervals are those of a paired bootstrap over photographs; draws of the noise of one
 * photograph stay together.
 */
export async function measureControl(
  settings: SweepSettings,
  report: SweepReport,
  tools: ControlTools,
): Promise<Pick<SweepReport, 'controls' | 'comparisons'>> {
  const controls: SweepControl[] = [];
  const comparisons: SweepComparison[] = [];
  // A pool needs a graph at least: without a distance, PSNR and its like are compared all the same.
  const pool =
    settings.metricBundles.length === 0
      ? null
      : await createMetricPool(settings.metricBundles, {
          device: tools.device,
          workers: measuringThreads(tools.device),
          maxQueue: 64,
        });
  try {
    const measuring = new Measuring(settings, report, tools, pool);
    const groups = planSweep(settings);
    for (const baseline of groups.filter(({ variant }) => variant.decoder === BASELINE)) {
      const others = groups.filter(
        ({ variant, snrDb, cbr }) =>
          variant.decoder !== BASELINE &&
          variant.bundle === baseline.variant.bundle &&
          snrDb === baseline.snrDb &&
          cbr === baseline.cbr,
      );
      for (const group of others) {
        tools.signal.throwIfAborted();
        const compared = await measuring.compare(group, baseline);
        if (compared !== null) {
          controls.push(compared.control);
          comparisons.push(...compared.comparisons);
        }
        tools.onGroup(group);
      }
    }
  } finally {
    await pool?.close();
  }
  return { controls, comparisons };
}

class Measuring {
  readonly #settings: SweepSettings;
  readonly #tools: ControlTools;
  readonly #pool: MetricPool | null;
  readonly #rows: ReadonlyMap<string, SweepReport['rows'][number]>;
  readonly #originals = new Map<number, Promise<RgbImage>>();
  /** Principal directions of all originals, by the name of the feature bundle. */
  readonly #directions = new Map<string, PatchFrechet | null>();
  readonly #columns: readonly QualityColumn[];

  constructor(settings: SweepSettings, report: SweepReport, tools: ControlTools, pool: MetricPool | null) {
    this.#settings = settings;
    this.#tools = tools;
    this.#pool = pool;
    this.#rows = new Map(report.rows.map((row) => [caseKey(row, row.frame), row]));
    this.#columns = qualityColumns({ metrics: pool?.distances ?? [], realism: tools.realism?.names ?? [] });
  }

  /** Null where no photograph came through both decoders. */
  async compare(
    group: SweepGroup,
    baseline: SweepGroup,
  ): Promise<{ control: SweepControl; comparisons: SweepComparison[] } | null> {
    const both = group.cases.flatMap((own, i) => {
      const base = baseline.cases[i]!;
      return this.#rowOf(own) === undefined || this.#rowOf(base) === undefined ? [] : [{ own, base }];
    });
    if (both.length === 0) {
      return null;
    }
    const cases = both.map(({ own }) => own);
    const baseCases = both.map(({ base }) => base);
    const decoder = await this.#entryOf(group, cases);
    const jscc = await this.#entryOf(baseline, baseCases);
    const psnrDb = mean(decoder.figures.map((figures) => figures.psnrDb))!;
    const filters = await this.#sharpened(baseCases, psnrDb);
    const originals = await this.#sums(cases, async ({ index }, name) => this.#originalFeatures(name, index));
    const { variant, snrDb, cbr } = group;
    const named = { ...bundleOf(variant), decoder: variant.decoder, steps: variant.steps, snrDb, cbr };
    const indices = [...new Set(cases.map(({ index }) => index))];
    const placesOf = indices.map((index) => cases.flatMap((each, place) => (each.index === index ? [place] : [])));
    const comparisons = this.#columns.flatMap((column) => {
      const value = (entry: Entry, places?: readonly number[]) => valueOf(column, entry, originals, places);
      const own = value(decoder);
      if (own === null) {
        return [];
      }
      const best = filters.reduce((one, other) => {
        const [first, second] = [value(one.entry)!, value(other.entry)!];
        return (column.higherIsBetter ? second > first : second < first) ? other : one;
      });
      return (
        [
          ['jscc', jscc],
          ['sharpened', best.entry],
        ] as const
      ).map(([against, entry]): SweepComparison => ({
        ...named,
        measure: column.name,
        against,
        value: own,
        other: value(entry)!,
        ...bootstrapInterval(indices.length, (sample) => {
          const places = sample.flatMap((i) => placesOf[i]!);
          return value(decoder, places)! - value(entry, places)!;
        }),
      }));
    });
    const control: SweepControl = {
      ...named,
      n: both.length,
      filters: filters.map(({ radius, amount, entry }) => ({
        radius,
        amount,
        figures: Object.fromEntries(
          this.#columns.flatMap((column) => {
            const value = valueOf(column, entry, originals);
            return value === null ? [] : [[column.name, value]];
          }),
        ),
      })),
    };
    return { control, comparisons };
  }

  /** The results of a decoder: rows that were measured, and features of its pictures. */
  async #entryOf(group: SweepGroup, cases: readonly SweepCase[]): Promise<Entry> {
    const figures = cases.map((sweepCase) => allFigures(this.#rowOf(sweepCase)!));
    const kept = this.#tools.realism?.kept(group);
    return {
      figures,
      sums: await this.#sums(
        cases,
        async (sweepCase, name) =>
          kept?.get(name)?.get(sweepCase.place) ?? this.#tools.realism!.features(name, await this.#decoded(sweepCase)),
      ),
    };
  }

  /** Unsharp masks of one-shot decodes, at a mean PSNR. */
  async #sharpened(
    cases: readonly SweepCase[],
    psnrDb: number,
  ): Promise<{ readonly radius: number; readonly amount: number; readonly entry: Entry }[]> {
    const originals = await Promise.all(cases.map(async ({ index }) => this.#original(index)));
    const pixels = originals.reduce((sum, { width, height }) => sum + width * height, 0);
    if (pixels > MAX_CONTROL_PIXELS) {
      throw new UsageError(
        `--control: the photographs of one setting have ${Math.ceil(pixels / 1e6)} million pixels, at most ${MAX_CONTROL_PIXELS / 1e6} million are kept in memory`,
        { remedy: 'take fewer (--limit) or smaller ones (--size)' },
      );
    }
    const decoded = await Promise.all(cases.map(async (sweepCase) => this.#decoded(sweepCase)));
    const filters = [];
    for (const radius of SHARPENING_RADII) {
      const pictures: SharpeningPicture[] = await Promise.all(
        originals.map(async (original, i) => ({
          original,
          decoded: decoded[i]!,
          blurred: await blur(decoded[i]!, radius),
        })),
      );
      const amount = amountFor(pictures, psnrDb);
      const sharpened = pictures.map((picture) => sharpen(picture, amount));
      const figures: Figures[] = [];
      const atATime = measuringThreads(this.#tools.device);
      for (let from = 0; from < originals.length; from += atATime) {
        this.#tools.signal.throwIfAborted();
        const measured = originals.slice(from, from + atATime).map(async (original, i) => {
          const picture = sharpened[from + i]!;
          const metrics = await this.#distances(original, picture);
          return allFigures({ ...measureQuality(original, picture), metrics });
        });
        figures.push(...(await Promise.all(measured)));
      }
      const sums = await this.#sums(cases, async (sweepCase, name) =>
        this.#tools.realism!.features(name, sharpened[cases.indexOf(sweepCase)]!),
      );
      filters.push({ radius, amount, entry: { figures, sums } });
    }
    return filters;
  }

  async #distances(original: RgbImage, picture: RgbImage): Promise<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const name of this.#pool?.distances ?? []) {
      found[name] = await this.#pool!.distance(name, picture, original);
    }
    return found;
  }

  async #sums(
    cases: readonly SweepCase[],
    featuresOf: (sweepCase: SweepCase, name: string) => Promise<Parameters<PatchFrechet['sums']>[0]>,
  ): Promise<Map<string, PatchSums[]>> {
    const found = new Map<string, PatchSums[]>();
    for (const name of this.#tools.realism?.names ?? []) {
      const directions = await this.#directionsOf(name);
      const sums: PatchSums[] = [];
      for (const sweepCase of directions === null ? [] : cases) {
        sums.push(directions!.sums(await featuresOf(sweepCase, name)));
      }
      found.set(name, sums);
    }
    return found;
  }

  async #originalFeatures(name: string, index: number) {
    return await this.#tools.realism!.originalFeatures(name, index, async () => this.#original(index));
  }

  /** Null where the photographs have too few patches. */
  async #directionsOf(name: string): Promise<PatchFrechet | null> {
    const known = this.#directions.get(name);
    if (known !== undefined) {
      return known;
    }
    const features = [];
    for (const index of this.#settings.files.keys()) {
      features.push(await this.#originalFeatures(name, index));
    }
    const made = tryPatchFrechet(concatenate(features));
    this.#directions.set(name, made);
    return made;
  }

  #rowOf({ variant, frame }: SweepCase) {
    return this.#rows.get(caseKey(variant, frame));
  }

  async #original(index: number): Promise<RgbImage> {
    const { files, size } = this.#settings;
    const reading =
      this.#originals.get(index) ?? readPhoto(files[index]!, { size, maxImagePixels: Number.MAX_SAFE_INTEGER });
    this.#originals.set(index, reading);
    return await reading;
  }

  async #decoded(sweepCase: SweepCase): Promise<RgbImage> {
    return await readPicture(join(this.#tools.pictures, pictureName(sweepCase, this.#settings.channel)));
  }
}

/** A measure of all photographs, or of those at some places, any of them several times. */
function valueOf(
  { name, isOfSet }: QualityColumn,
  { figures, sums }: Entry,
  originals: ReadonlyMap<string, readonly PatchSums[]>,
  places: readonly number[] = figures.map((_, i) => i),
): number | null {
  if (isOfSet) {
    const [own, other] = [sums.get(name)!, originals.get(name)!];
    return own.length === 0
      ? null
      : distanceOfSums(
          places.map((place) => other[place]!),
          places.map((place) => own[place]!),
        );
  }
  return mean(places.map((place) => figures[place]![name] ?? null).filter((value) => value !== null));
}
