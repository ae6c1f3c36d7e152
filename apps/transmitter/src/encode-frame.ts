import type { ComplexVector, RgbImage } from '@semcast/core';
import {
  DIGITAL_DECODER,
  digitalOptionsSchema,
  encodePicture,
  linkFormat,
  type CompressedBlocks,
  type TransportCoder,
} from '@semcast/digital';
import { latentToSymbols } from '@semcast/phy';
import { z } from 'zod';
import { FrameEndedError } from './errors.js';
import type { DecoderOptions } from './frame-request.js';

import {
  createCodec,
  createSessionPool,
  findDefaultBundle,
  loadBundle,
  type Condition,
  type Device,
  type EncodedImage,
} from '@semcast/bundle';

/** The part of a codec that the transmitter needs. */
export interface FrameEncoder {
  readonly bundle: { readonly name: string; readonly version: string; readonly digest: string };
  /** The channel bandwidth ratios that there are, as fractions. */
  readonly rates: readonly string[];
  /** The channel SNRs that the encoder was trained for, dB. */
  readonly csnrDb: { readonly min: number; readonly max: number };
  /** @throws UnknownRateError (E_UNKNOWN_RATE) naming the rates that there are */
  checkRate(cbr: string): void;
  /** Complex symbols of a picture at a rate. @throws as {@link checkRate} */
  channelUses(width: number, height: number, cbr: string): number;
  encode(image: RgbImage, condition: Condition, options: { readonly signal: AbortSignal }): Promise<EncodedImage>;
  close(): Promise<void>;
}

export interface BundleEncoderOptions {
  /** The bundle's folder; undefined for the one that comes with semcast. */
  readonly dir: string | undefined;
  readonly device: Device;
  readonly workers: number;
  readonly maxQueue: number;
  readonly maxImagePixels: number;
  readonly onRun: (graph: string, seconds: number) => void;
  readonly onWarning: (message: string) => void;
}

/** Load a bundle's encoder into worker threads. Errors are those of packages/bundle. */
export async function openEncoder({ dir, maxImagePixels, ...options }: BundleEncoderOptions): Promise<FrameEncoder> {
  const bundle = await loadBundle(dir ?? findDefaultBundle());
  const pool = await createSessionPool({
    ...options,
    graphs: { encoder: bundle.graphs.encoder },
    hashes: bundle.hashes,
  });
  const codec = createCodec(bundle, pool, { maxImagePixels });
  const { name, version, csnrDb, rates } = bundle.manifest;
  return {
    bundle: { name, version, digest: bundle.digest },
    rates: rates.map(({ cbr }) => cbr),
    csnrDb,
    checkRate: (cbr) => {
      codec.activeChannels(cbr);
    },
    channelUses: (width, height, cbr) => (codec.activeChannels(cbr) / 2) * codec.geometry(width, height).positions,
    encode: (image, condition, { signal }) => codec.encode(image, condition, { signal }),
    close: () => pool.close(),
  };
}

/** What a frame is encoded for. */
export interface EncodeTerms {
  /** The channel SNR to prepare for, in dB. */
  readonly designCsnrDb: number;
  readonly cbr: string;
  /** `digital` is an image file over a channel code; every other one decodes what the bundle's encoder gives. */
  readonly decoder: string;
  readonly decoderOptions?: DecoderOptions | undefined;
}

export interface EncodeTools {
  readonly encoder: FrameEncoder;
  readonly coder: TransportCoder;
  readonly blocks: CompressedBlocks;
  readonly signal: AbortSignal;
}

/** A photograph as complex symbols of unit mean power. */
export interface EncodedFrame {
  readonly symbols: ComplexVector;
  /** The channel SNR that it was prepared for, in dB. */
  readonly designCsnrDb: number;
}

/**
 * Encode a photograph: by the bundle, or as a digital frame, with the same number of symbols.
 *
 * @throws FrameEndedError `invalid-frame` on options of the digital link that it doesn't have; the errors of bundles; the
 *   signal's reason
 */
export async function encodeFrame(original: RgbImage, terms: EncodeTerms, tools: EncodeTools): Promise<EncodedFrame> {
  return terms.decoder === DIGITAL_DECODER
    ? await encodeDigitally(original, terms, tools)
    : await encodeByBundle(original, terms, tools);
}

/** The first channels of a latent, as many as the rate sends. */
async function encodeByBundle(
  original: RgbImage,
  { designCsnrDb: wantedDb, cbr }: EncodeTerms,
  { encoder, signal }: EncodeTools,
): Promise<EncodedFrame> {
  // Outside of the bundle's range its encoder was never trained.
  const { min, max } = encoder.csnrDb;
  const designCsnrDb = Math.min(Math.max(wantedDb, min), max);
  const encoded = await encoder.encode(original, { csnrDb: designCsnrDb, cbr }, { signal });
  const { latent, activeChannels, positions } = encoded;
  const symbols = latentToSymbols(latent.data, { channels: latent.dims[1]!, positions, activeChannels });
  return { symbols, designCsnrDb };
}

async function encodeDigitally(
  original: RgbImage,
  { designCsnrDb: wantedDb, cbr, decoderOptions = {} }: EncodeTerms,
  { encoder, coder, blocks, signal }: EncodeTools,
): Promise<EncodedFrame> {
  const options = digitalOptionsSchema.safeParse(decoderOptions);
  if (!options.success) {
    const detail = `options of decoder "${DIGITAL_DECODER}" are wrong: ${z.prettifyError(options.error)}`;
    throw new FrameEndedError('invalid-frame', detail);
  }
  const designCsnrDb = options.data.designSnrDb ?? wantedDb;
  const format = linkFormat(designCsnrDb, encoder.channelUses(original.width, original.height, cbr));
  const symbols = await encodePicture(original, format, options.data, { coder, blocks, signal });
  return { symbols, designCsnrDb };
}
