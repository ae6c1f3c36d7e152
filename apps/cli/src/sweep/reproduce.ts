import { isDeepStrictEqual } from 'node:util';
import { parseArguments, type ParsedArguments } from '../arguments/parse.js';
import type { Flags } from '../arguments/spec.js';
import { UsageError } from '../errors.js';
import { caseKey, groupKey } from './plan.js';
import { readReport } from './read-report.js';
import type { SweepReport } from './report.js';

/** What may stand beside `--reproduce`: where things are now, how fast it goes, and where the new report is written. */
const BESIDE: readonly string[] = ['reproduce', 'images', 'bundle', 'metric-bundle', 'in-flight', 'timeout', 'json'];
/** What was written at the time, and isn't written again. */
const OUTPUTS: readonly string[] = ['json', 'markdown', 'out', 'contact-sheet', 'contact-crop', 'resume'];

/** A command line once more, with the report that it made. */
export interface Reproduction<F extends Flags> extends ParsedArguments<F> {
  readonly argv: readonly string[];
  readonly report: SweepReport;
}

/**
 * The command line in the provenance of a report, with what was typed beside `--reproduce` in place of the paths that it
 * names.
 *
 * @throws UsageError when the file is no report, or one that doesn't say what made it
 */
export async function readReproduction<F extends Flags>(
  file: string,
  { given }: ParsedArguments<F>,
  flags: F,
): Promise<Reproduction<F>> {
  const other = [...given.keys()].find((name) => !BESIDE.includes(name));
  if (other !== undefined) {
    throw new UsageError(`--${other} is set by the report that is reproduced`, {
      remedy: `beside --reproduce there may be ${BESIDE.slice(1)
        .map((name) => `--${name}`)
        .join(', ')}`,
    });
  }
  const report = await readReport(file);
  const { provenance } = report;
  if (provenance === undefined) {
    throw new UsageError(`--reproduce: ${file} doesn't say what made it`, {
      remedy: 'it is of an earlier release: run its command again',
    });
  }
  const { images, bundles, metricBundles } = provenance.paths;
  const earlier = [...parseArguments(provenance.argv, { flags }).given].filter(([name]) => !OUTPUTS.includes(name));
  const words = new Map<string, readonly string[]>([
    ...earlier,
    ['images', [images]],
    ['bundle', bundles],
    ['metric-bundle', metricBundles],
    ...given,
  ]);
  words.delete('reproduce');
  const argv = [...words].flatMap(([name, texts]) => texts.map((text) => `--${name}=${text}`));
  return { ...parseArguments(argv, { flags }), argv, report };
}

/** The fields of a row or a summary that no second run repeats: times, and where a picture is. */
const isRepeatable = (field: string): boolean => field !== 'output' && !/Ms(P\d+)?$/.test(field);

/** Every difference between two reports but for times, in words; none where the second reproduces the first. */
export function reproductionFaults(earlier: SweepReport, now: SweepReport): string[] {
  return [
    ...faultsOf(
      earlier.rows,
      now.rows,
      (row) => caseKey(row, row.frame),
      (row) => `${row.image} at ${row.snrDb} dB, ${row.cbr}, ${row.decoder}`,
    ),
    ...faultsOf(
      earlier.summary,
      now.summary,
      groupKey,
      (entry) => `the mean of ${entry.decoder} at ${entry.snrDb} dB, ${entry.cbr}`,
    ),
    ...faultsOf(
      earlier.controls ?? [],
      now.controls ?? [],
      groupKey,
      (entry) => `sharpening at the PSNR of ${entry.decoder} at ${entry.snrDb} dB, ${entry.cbr}`,
    ),
    ...faultsOf(
      earlier.comparisons ?? [],
      now.comparisons ?? [],
      (entry) => `${groupKey(entry)} ${entry.measure} ${entry.against}`,
      ({ decoder, against, measure, snrDb, cbr }) =>
        `${decoder} against ${against} by ${measure} at ${snrDb} dB, ${cbr}`,
    ),
  ];
}

function faultsOf<Row extends object>(
  earlier: readonly Row[],
  now: readonly Row[],
  keyOf: (row: Row) => string,
  nameOf: (row: Row) => string,
): string[] {
  const found = new Map(now.map((row) => [keyOf(row), row]));
  return earlier.flatMap((row) => {
    const again = found.get(keyOf(row));
    if (again === undefined) {
      return [`${nameOf(row)}: is missing`];
    }
    const [before, after] = [row, again].map((each) => JSON.parse(JSON.stringify(each)) as Record<string, unknown>);
    return Object.keys({ ...before, ...after })
      .filter((field) => isRepeatable(field) && !isDeepStrictEqual(before![field], after![field]))
      .map(
        (field) =>
          `${nameOf(row)}: ${field} was ${JSON.stringify(before![field])} and is ${JSON.stringify(after![field])}`,
      );
  });
}
