/**
 * Peaks of what is sent: `npx tsx apps/transmitter/bench/papr.ts [--fft-size N] [--cbr RATIO]`.
 *
 * The photographs that come with semcast, encoded and modulated as a transmitter does: the power that one sample in a
 * thousand exceeds, and that one in a thousand OFDM symbols exceeds somewhere, over the mean, in dB; and the SNR that
 * clipping leaves if the channel adds nothing.
 */
import { parseArgs } from 'node:util';
import { findDefaultBundle } from '@semcast/bundle';
import { meanPower, powerToDb } from '@semcast/core';
import { createModem, equalise } from '@semcast/phy';
import { bytesToIq } from '@semcast/wire';
import { CompressedBlocks, TransportThreads } from '@semcast/digital';
import { DEMO_PHOTOS, encodeFrame, listPhotos, modulateFrame, openEncoder, readPhoto } from '../src/index.js';

const { values: flags } = parseArgs({
  options: { 'fft-size': { type: 'string', default: '256' }, cbr: { type: 'string', default: '1/24' } },
});
const fftSize = Number(flags['fft-size']);

const encoder = await openEncoder({
  dir: findDefaultBundle(),
  device: 'cpu',
  workers: 1,
  maxQueue: 1,
  maxImagePixels: 4096 ** 2,
  onRun: () => {},
  onWarning: () => {},
});
const coder = new TransportThreads();
const blocks = new CompressedBlocks();
const encoded = [];
for (const file of (await listPhotos([DEMO_PHOTOS])).files) {
  const photo = await readPhoto(file, { size: 0, maxImagePixels: 4096 ** 2 });
  const { signal } = new AbortController();
  encoded.push(
    await encodeFrame(photo, { designCsnrDb: 10, cbr: flags.cbr, decoder: 'jscc' }, { encoder, coder, blocks, signal }),
  );
}
await coder.close();
await encoder.close();

/** The value that one in a thousand exceeds. */
function quantile(values: Float64Array): number {
  return values.sort()[Math.floor(0.999 * values.length)]!;
}

const setups = [
  { waveform: 'single-carrier', waveformOptions: {} },
  ...[0, 1.2, 1, 0.8].map((clipping) => ({
    waveform: 'ofdm',
    waveformOptions: { fftSize, pilots: 'none', prefix: 0, clipping },
  })),
];
for (const { waveform, waveformOptions } of setups) {
  const frames = encoded.map(({ symbols }) => {
    const options = { waveform, waveformOptions, interleave: true, sampleFormat: 'cf32_le' as const };
    const { payload, head } = modulateFrame(symbols, options);
    return { samples: bytesToIq(payload[0]!, head.samples), count: head.channelUses };
  });
  const powers = Float64Array.from(
    frames.flatMap(({ samples }) => {
      const mean = meanPower(samples);
      return Array.from(
        { length: samples.length / 2 },
        (_, k) => (samples[2 * k]! ** 2 + samples[2 * k + 1]! ** 2) / mean,
      );
    }),
  );
  const peaks = Float64Array.from({ length: Math.floor(powers.length / fftSize) }, (_, s) =>
    Math.max(...powers.subarray(s * fftSize, (s + 1) * fftSize)),
  );
  const modem = createModem(waveform, waveformOptions);
  const { samples, count } = frames[0]!;
  const cleanCsnrDb = equalise(modem.demodulate(samples, count, { taps: null, noiseVariance: 0 })).csnrDb;
  console.log(
    JSON.stringify({
      waveform,
      ...waveformOptions,
      sampleDb: Number(powerToDb(quantile(powers)).toFixed(2)),
      paprDb: Number(powerToDb(quantile(peaks)).toFixed(2)),
      cleanCsnrDb: Number(cleanCsnrDb.toFixed(2)),
    }),
  );
}
