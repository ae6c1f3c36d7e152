import type { RgbImage } from '@semcast/core';
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
  const pool = await createSessionPool({ ...options, graphs: { encoder: bundle.graphs.encoder } });
  const codec = createCodec(bundle, pool, { maxImagePixels });
  const { name, version, csnrDb, rates } = bundle.manifest;
  return {
    bundle: { name, version, digest: bundle.digest },
    rates: rates.map(({ cbr }) => cbr),
    csnrDb,
    checkRate: (cbr) => {
      codec.activeChannels(cbr);
    },
    encode: (image, condition, { signal }) => codec.encode(image, condition, { signal }),
    close: () => pool.close(),
  };
}

/** A photograph as a latent of unit power: [1, C, h, w], of which the rate's first channels are sent. */
export async function encodeFrame(
  original: RgbImage,
  condition: Condition,
  { encoder, signal }: { readonly encoder: FrameEncoder; readonly signal: AbortSignal },
): Promise<EncodedImage> {
  return encoder.encode(original, condition, { signal });
}
