import { basename } from 'node:path';
import type { Device } from '@semcast/bundle';
import { addNoise } from '@semcast/channel-models';
import { csnrDbToNoiseVariance, type RgbImage } from '@semcast/core';
import { CompressedBlocks, TransportThreads } from '@semcast/digital';
import {
  type DecoderOptions,
  encodeFrame,
  modulateFrame,
  type ModulatedFrame,
  openEncoder,
  readPhoto,
} from '@semcast/transmitter';
import { bytesToIq, iqToBytes, type FrameHead, type OutgoingFrame } from '@semcast/wire';
import type { WaveformChoice } from '../arguments/waveform-options.js';

/** The most photographs that streams cycle through: all of them stay in memory. */
export const MAX_PHOTOGRAPHS = 16;

const MAX_IMAGE_PIXELS = 4096 * 4096;
/** The defaults of transmitters. */
const MODULATION = { interleave: true, sampleFormat: 'cf32_le' } as const;

/** A photograph that was encoded once, to be sent any number of times under other heads. */
export interface EncodedPhoto {
  readonly name: string;
  readonly original: RgbImage;
  readonly head: Pick<FrameHead, 'width' | 'height' | 'cbr' | 'designCsnrDb' | 'bundleDigest'> & ModulatedFrame['head'];
  /** cf32_le in one piece: complex symbols of unit mean power. */
  readonly payload: readonly Uint8Array[];
}

export interface CorpusOptions extends Omit<WaveformChoice, 'csi'> {
  /** The bundle's folder. */
  readonly bundle: string;
  readonly device: Device;
  /** Short side resized to this, centre-cropped to a square; 0: own size. */
  readonly size: number;
  readonly cbr: string;
  readonly decoder: string;
  readonly decoderOptions: DecoderOptions | undefined;
  /** The CSNR that the encoder prepares for, in dB. */
  readonly designCsnrDb: number;
  readonly signal: AbortSignal;
}

/**
 * Read, encode and modulate photographs, as a transmitter does, before any load is offered: the generator's own work
 * must not be what is measured.
 *
 * @throws the errors of photographs and bundles; the signal's reason
 */
export async function encodeCorpus(files: readonly string[], options: CorpusOptions): Promise<EncodedPhoto[]> {
  const { bundle, device, size, cbr, signal } = options;
  const encoder = await openEncoder({
    dir: bundle,
    device,
    workers: 1,
    maxQueue: 1,
    maxImagePixels: MAX_IMAGE_PIXELS,
    onRun: () => {},
    onWarning: () => {},
  });
  const coder = new TransportThreads();
  const blocks = new CompressedBlocks();
  try {
    const photos: EncodedPhoto[] = [];
    for (const file of files) {
      signal.throwIfAborted();
      const original = await readPhoto(file, { size, maxImagePixels: MAX_IMAGE_PIXELS });
      const { symbols, designCsnrDb } = await encodeFrame(original, options, { encoder, coder, blocks, signal });
      const modulated = modulateFrame(symbols, { ...MODULATION, ...options });
      const { width, height } = original;
      photos.push({
        name: basename(file),
        original,
        payload: modulated.payload,
        head: { ...modulated.head, width, height, cbr, designCsnrDb, bundleDigest: encoder.bundle.digest },
      });
    }
    return photos;
  } finally {
    await coder.close();
    await encoder.close();
  }
}

/** The fields that every frame of a load run has beside those of its photograph. */
export type FrameTerms = Pick<FrameHead, 'decoder' | 'csi'> & Partial<Pick<FrameHead, 'decoderOptions' | 'deadlineMs'>>;

/** Puts a photograph on the air as one frame of a stream. */
export type FrameMaker = (
  photo: EncodedPhoto,
  id: { readonly stream: string; readonly frame: number },
) => OutgoingFrame;

/** Frames for a channel: the encoded samples under a new head, nothing copied. */
export function cleanFrames(terms: FrameTerms): FrameMaker {
  return ({ head, payload }, id) => ({ head: { ...id, ...head, ...terms }, payload });
}

/**
 * Frames for a receiver without a channel before it: AWGN is added here, the very noise that a channel of this seed
 * would add, with N0 in the head where the terms say genie channel state. Drawing it costs some 10 ns a real number.
 *
 * @param snrDb E|z|²/N0 per complex symbol, in dB
 */
export function noisyFrames(
  terms: FrameTerms,
  { snrDb, seed }: { readonly snrDb: number; readonly seed: number },
): FrameMaker {
  const noiseVariance = csnrDbToNoiseVariance(snrDb);
  const impairment = { model: 'awgn', snrDb, seed, ...(terms.csi === 'genie' ? { noiseVariance } : {}) };
  return ({ head, payload }, id) => {
    const sent = bytesToIq(payload[0]!, head.samples);
    // A copy: the noise is added in place, and the photograph will be sent again.
    const received = addNoise(new Float32Array(sent), { seed, ...id }, noiseVariance);
    return { head: { ...id, ...head, ...terms, impairment }, payload: [iqToBytes(received, 'cf32_le').bytes] };
  };
}
