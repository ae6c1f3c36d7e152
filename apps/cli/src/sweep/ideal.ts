import { basename } from 'node:path';
import type { MetricPool } from '@semcast/bundle';
import { createChannel, frequencyResponse, type ChannelConfig } from '@semcast/channel-models';
import { dbToPower, randomFor, type ChannelState } from '@semcast/core';
import { compress, digitalOptionsSchema, greyPicture } from '@semcast/digital';
import { createModem } from '@semcast/phy';
import { measureQuality } from '@semcast/quality';
import { readPhoto, type CompletedFrame, type FrameEncoder } from '@semcast/transmitter';
import { z } from 'zod';
import type { OptionedDecoder } from '../decoders/options.js';
import { sideBySide } from '../pictures/side-by-side.js';
import type { SweepCase } from './plan.js';
import type { SweepSettings } from './run-sweep.js';

/** The decoder of a sweep that no code can beat: the image file that the channel's capacity brings, without errors. */
export const IDEAL_DECODER = {
  name: 'digital-ideal',
  optionsSchema: digitalOptionsSchema.omit({ designSnrDb: true }).extend({
    gapDb: z.number().min(0).max(50).default(0).describe('dB that a code needs more than capacity says'),
  }),
} as const satisfies OptionedDecoder;

/** Points of a frequency response. */
const CARRIERS = 1024;

/**
 * Bits that a channel of known gains brings in so many symbols: their number times the mean of log2(1 + |H|²/(N0·gap)),
 * over the samples of a path that changes, over the frequencies of several paths. All have equal power, and the
 * transmitter knows the sum, but not what a code would have to be like.
 */
export function capacityBits(
  { taps, noiseVariance }: ChannelState,
  { symbols, samples, gapDb }: { readonly symbols: number; readonly samples: number; readonly gapDb: number },
): number {
  const noise = noiseVariance * dbToPower(gapDb);
  const [only, ...more] = taps ?? [];
  const powers =
    only !== undefined && more.length === 0
      ? powersOf(only.gains.values)
      : frequencyResponse(taps, samples, taps === null ? 2 : CARRIERS);
  return (symbols * powers.reduce((sum, power) => sum + Math.log2(1 + power / noise), 0)) / powers.length;
}

function powersOf(gains: Float32Array): Float64Array {
  return Float64Array.from({ length: gains.length / 2 }, (_, k) => gains[2 * k]! ** 2 + gains[2 * k + 1]! ** 2);
}

export interface IdealTools {
  readonly encoder: Pick<FrameEncoder, 'channelUses'>;
  readonly metricPool: MetricPool | undefined;
  readonly stream: string;
  readonly signal: AbortSignal;
}

/**
 * What a sweep's photograph is with {@link IDEAL_DECODER}: without sockets, over the very channel that the frames of the
 * other decoders meet.
 *
 * @returns null where that channel loses the frame
 * @throws the errors of photographs; the signal's reason
 */
export async function sendIdeally(
  { file, variant, snrDb, cbr, frame }: SweepCase,
  { size, channelConfig, seed, waveform, waveformOptions }: SweepSettings,
  { encoder, metricPool, stream, signal }: IdealTools,
): Promise<CompletedFrame | null> {
  const startMs = performance.now();
  const { gapDb, ...options } = IDEAL_DECODER.optionsSchema.parse(variant.options ?? {});
  const original = await readPhoto(file, { size, maxImagePixels: Number.MAX_SAFE_INTEGER });
  const { width, height } = original;
  const symbols = encoder.channelUses(width, height, cbr);
  const samples = createModem(waveform, waveformOptions).samplesFor(symbols);
  const met = channelOf({ ...channelConfig, seed }, { snrDb, stream, frame, samples });
  if (met === null) {
    return null;
  }
  const bytes = Math.floor(capacityBits(met, { symbols, samples, gapDb }) / 8);
  const picture = await compress(original, bytes, { ...options, signal });
  const decoded = picture?.decoded ?? greyPicture(original);
  const metrics: Record<string, number> = {};
  for (const name of metricPool?.distances ?? []) {
    metrics[name] = await metricPool!.distance(name, original, decoded);
  }
  const received = await sideBySide([decoded]);
  const endToEndMs = performance.now() - startMs;
  return {
    kind: 'completed',
    stream,
    frame,
    name: basename(file),
    width,
    height,
    channelUses: symbols,
    cbr,
    channelBandwidthRatio: symbols / (3 * width * height),
    cbrWithOverhead: samples / (3 * width * height),
    decoder: variant.asked,
    waveform,
    supersedes: false,
    designCsnrDb: snrDb,
    steps: 0,
    evaluations: null,
    reducedSteps: false,
    ...(picture === null ? { lost: 'does-not-fit' as const } : {}),
    ...measureQuality(original, decoded),
    previewPsnrDb: null,
    metrics,
    residual: null,
    csnrDb: { configured: snrDb, estimated: null },
    // Nothing is received: all of its time is the search for the picture.
    previewMs: 0,
    decodeMs: 0,
    samplingMs: null,
    endToEndMs,
    previewLatencyMs: null,
    timingsMs: { read: 0, encode: endToEndMs, modulate: 0, credit: 0, air: 0 },
    imageBytes: received.length,
    imageFormat: 'png',
    original,
    decoded,
    received,
  };
}

/** Taps and N0 of a frame; null where it is lost. The samples are Gaussian, as those of a code at capacity. */
function channelOf(
  config: ChannelConfig,
  {
    snrDb,
    stream,
    frame,
    samples,
  }: { readonly snrDb: number; readonly stream: string; readonly frame: number; readonly samples: number },
): ChannelState | null {
  const sent = new Float32Array(2 * samples);
  randomFor({ seed: 0, stream, frame, purpose: 'sweep/ideal' }).fillNormal(sent, Math.SQRT1_2);
  const outcome = createChannel({ ...config, snr: { name: 'constant', snrDb } }).impairFrame(sent, { stream, frame });
  return outcome.lost ? null : outcome.channel;
}
