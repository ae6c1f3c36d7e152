import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { completeWaveformOptions } from '../arguments/waveform-options.js';
import { SWEEP_SCHEMA } from './report.js';
import type { SweepSettings } from './run-sweep.js';
import type { ReportHead } from './sweep-log.js';

/** The conditions in the report, before anything is measured. */
export async function reportHead(
  settings: SweepSettings,
  {
    command,
    seed,
    metricBundles,
  }: { readonly command: string; readonly seed: number; readonly metricBundles: readonly string[] },
): Promise<ReportHead> {
  const { bundle, device, precision, channel, channelOptions, csi, waveform, snrsDb, cbrs, size } = settings;
  const { files, variants, draws } = settings;
  const { name, version } = bundle.manifest;
  const digest = createHash('sha256');
  for (const file of files) {
    // One that can't be read is told as a drop, when it is to be sent.
    await hashFile(file, (chunk) => digest.update(chunk)).catch(() => digest.update('unreadable'));
  }
  return {
    schema: SWEEP_SCHEMA,
    command,
    bundle: { name, version, digest: bundle.digest },
    device: precision === 'float32' ? device : `${device}, ${precision}`,
    seed,
    conditions: {
      channel,
      channelOptions: { ...channelOptions },
      csi,
      waveform,
      waveformOptions: completeWaveformOptions(settings),
      snrDb: [...snrsDb],
      cbr: [...cbrs],
      size,
      images: files.map((file) => basename(file)),
      draws,
      imagesDigest: digest.digest('hex'),
      metricBundles: metricBundles.map((dir) => basename(dir)),
      decoders: variants.map(({ decoder, steps, completeOptions }) => ({
        decoder,
        steps,
        options: { ...completeOptions },
      })),
    },
  };
}

async function hashFile(file: string, update: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of createReadStream(file)) {
    update(chunk as Buffer);
  }
}
