import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { completeWaveformOptions } from '../arguments/waveform-options.js';
import { UsageError } from '../errors.js';
import { parseReport } from './read-report.js';
import type { SweepReport } from './report.js';
import type { ReportHead } from './sweep-log.js';

/** Where a sweep keeps what it has measured until it is through. */
export const partialOf = (json: string): string => `${json}.partial`;

/**
 * The report that `--resume` goes on from: that of a sweep that was cut short, or else that of one that was not, to
 * which decoders may be added. Undefined when there is neither.
 *
 * @throws UsageError when a file is none of those
 */
export async function readEarlierReport(json: string): Promise<{ file: string; report: SweepReport } | undefined> {
  for (const file of [partialOf(json), json]) {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        return undefined;
      }
      throw new UsageError(`--resume: ${file} can't be read: ${error.message}`, { remedy: 'let this user read it' });
    });
    if (text !== undefined) {
      return {
        file,
        report: parseReport(
          text,
          `--resume: ${file}`,
          'begin anew without --resume, or name the file that this release wrote',
        ),
      };
    }
  }
  return undefined;
}

/** Of reports that say nothing of a waveform. */
const OLDER_OPTIONS = completeWaveformOptions({ waveform: 'single-carrier' });

const digestsOf = ({ bundle, bundles = { '': bundle } }: ReportHead): string =>
  Object.values(bundles)
    .map(({ digest }) => digest)
    .join(', ');

/** What is set differently than before, as options of the command line. Only decoders may be added. */
function differences(earlier: SweepReport, now: ReportHead): string[] {
  const found: string[] = [];
  const compare = (name: string, before: unknown, after: unknown): void => {
    if (!isDeepStrictEqual(before, after)) {
      found.push(`${name} was ${JSON.stringify(before)} and is ${JSON.stringify(after)}`);
    }
  };
  compare('the bundle', digestsOf(earlier), digestsOf(now));
  compare('--device', earlier.device, now.device);
  compare('--seed', earlier.seed, now.seed);
  const [before, after] = [earlier.conditions, now.conditions];
  compare('--channel', before.channel, after.channel);
  compare('--channel.…', before.channelOptions ?? after.channelOptions, after.channelOptions);
  compare('--waveform', before.waveform ?? 'single-carrier', after.waveform);
  compare('--waveform-option', before.waveformOptions ?? OLDER_OPTIONS, after.waveformOptions);
  compare('--csi', before.csi ?? after.csi, after.csi);
  compare('--snr', before.snrDb, after.snrDb);
  compare('--design-snr', before.designSnrDb ?? null, after.designSnrDb ?? null);
  compare('--cbr', before.cbr, after.cbr);
  compare('--size', before.size, after.size);
  compare('--draws', before.draws, after.draws);
  compare('--metric-bundle', before.metricBundles, after.metricBundles);
  if (!isDeepStrictEqual(before.images, after.images)) {
    found.push('the photographs (--images, --limit) are others');
  } else if (before.imagesDigest !== after.imagesDigest) {
    found.push('the photographs have changed');
  }
  for (const { bundle, decoder, steps, options } of before.decoders) {
    const same = after.decoders.find(
      (other) => other.bundle === bundle && other.decoder === decoder && other.steps === steps,
    );
    const name = steps === 0 ? decoder : `${decoder} in ${steps} steps`;
    if (same === undefined) {
      found.push(`${name} is not asked for any more`);
    } else if (!isDeepStrictEqual(options, same.options)) {
      found.push(`the options of ${name} are others`);
    }
  }
  return found;
}

/**
 * @param flag that asks for the same conditions
 * @throws UsageError naming everything that is set otherwise than in the earlier report
 */
export function checkSameConditions(file: string, earlier: SweepReport, now: ReportHead, flag = '--resume'): void {
  const found = differences(earlier, now);
  if (found.length > 0) {
    throw new UsageError(`${flag}: ${file} was measured under other conditions: ${found.join('; ')}`, {
      remedy: `repeat what it was begun with: ${earlier.command}`,
    });
  }
}
