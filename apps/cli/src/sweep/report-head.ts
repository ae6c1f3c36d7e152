import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { Bundle } from '@semcast/bundle';
import { completeWaveformOptions } from '../arguments/waveform-options.js';
import { bundleOf, type NamedBundles } from './variants.js';
import { SWEEP_SCHEMA, type SweepReport } from './report.js';
import type { SweepSettings } from './run-sweep.js';
import type { ReportHead } from './sweep-log.js';

/** The conditions in the report, before anything is measured. */
export async function reportHead(
  settings: SweepSettings,
  {
    command,
    seed,
    metricBundles,
    bundles = new Map(),
  }: {
    readonly command: string;
    readonly seed: number;
    readonly metricBundles: readonly string[];
    readonly bundles?: NamedBundles;
  },
): Promise<ReportHead> {
  const { bundle, device, precision, channel, channelOptions, csi, waveform, snrsDb, cbrs, size } = settings;
  const { files, variants, draws, designSnrDb } = settings;
  const digest = createHash('sha256');
  for (const file of files) {
    // One that can't be read is told as a drop, when it is to be sent.
    await hashFile(file, (chunk) => digest.update(chunk)).catch(() => digest.update('unreadable'));
  }
  return {
    schema: SWEEP_SCHEMA,
    command,
    bundle: factsOf(bundle),
    ...(bundles.size < 2
      ? {}
      : { bundles: Object.fromEntries([...bundles].map(([label, each]) => [label!, factsOf(each)])) }),
    device: precision === 'float32' ? device : `${device}, ${precision}`,
    seed,
    conditions: {
      channel,
      channelOptions: { ...channelOptions },
      csi,
      waveform,
      waveformOptions: completeWaveformOptions(settings),
      snrDb: [...snrsDb],
      ...(designSnrDb === undefined ? {} : { designSnrDb }),
      cbr: [...cbrs],
      size,
      images: files.map((file) => basename(file)),
      draws,
      imagesDigest: digest.digest('hex'),
      metricBundles: metricBundles.map((dir) => basename(dir)),
      decoders: variants.map(({ bundle: label, decoder, steps, completeOptions }) => ({
        ...bundleOf({ bundle: label }),
        decoder,
        steps,
        options: { ...completeOptions },
      })),
    },
  };
}

function factsOf({ manifest: { name, version }, digest }: Bundle): SweepReport['bundle'] {
  return { name, version, digest };
}

async function hashFile(file: string, update: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of createReadStream(file)) {
    update(chunk as Buffer);
  }
}
