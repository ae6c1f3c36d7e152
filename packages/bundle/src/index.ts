import type { Cbr, RgbImage, Tensor } from '@semcast/core';
import type { BundleManifest, GraphName } from './manifest.js';
import type { GraphSource, RunOptions, SessionPool, SessionPoolOptions } from './types.js';

export * from './errors.js';
export { bundleManifestSchema, GRAPH_NAMES, type BundleManifest, type GraphName } from './manifest.js';
export type * from './types.js';

export interface Bundle {
  readonly dir: string;
  readonly manifest: BundleManifest;
  /** SHA-256 of bundle.json, hex. */
  readonly digest: string;
  readonly graphs: Readonly<Partial<Record<GraphName, GraphSource>> & Record<'encoder' | 'decoder', GraphSource>>;
}
export interface Condition { readonly csnrDb: number; readonly cbr: string | Cbr }
export interface EncodedImage {
  /** [1, C, h, w], inactive channels zero, mean power 1 per complex symbol over active ones. */
  readonly latent: Tensor;
  readonly activeChannels: number;
  /** h·w */
  readonly positions: number;
  /** Complex symbols: activeChannels/2 · positions. */
  readonly channelUses: number;
}
export interface LatentGeometry { readonly channels: number; readonly height: number; readonly width: number; readonly positions: number; readonly paddedWidth: number; readonly paddedHeight: number }
export interface Codec {
  encode(image: RgbImage, condition: Condition, options?: RunOptions): Promise<EncodedImage>;
  decode(latent: Tensor, condition: Condition & { readonly width: number; readonly height: number }, options?: RunOptions): Promise<RgbImage>;
  /** [B,3,H,W] network input (padded) → latent [B,C,h,w]. */
  encodeTensor(image: Tensor, condition: Condition, options?: RunOptions): Promise<Tensor>;
  /** latent [B,C,h,w] → [B,3,H,W] (padded). */
  decodeTensor(latent: Tensor, condition: Condition, options?: RunOptions): Promise<Tensor>;
  /** Latent size of a picture of this size. */
  geometry(width: number, height: number): LatentGeometry;
  /** Active channels of a rate; E_UNKNOWN_RATE when the bundle has no such rate. */
  activeChannels(cbr: string | Cbr): number;
}
export interface MetricPool {
  readonly distances: readonly string[];
  readonly featureSets: readonly string[];
  distance(name: string, a: RgbImage, b: RgbImage, options?: RunOptions): Promise<number>;
  /** patches [B,3,64,64] in [-1,1] → features [B,F]. */
  features(name: string, patches: Tensor, options?: RunOptions): Promise<Tensor>;
  close(): Promise<void>;
}
export declare function findDefaultBundle(): string;
export declare function loadBundle(dir: string): Promise<Bundle>;
export declare function createSessionPool(options: SessionPoolOptions): Promise<SessionPool>;
export declare function createCodec(bundle: Bundle, pool: SessionPool, options?: { readonly maxImagePixels?: number }): Codec;
export declare function createMetricPool(dirs: readonly string[], options?: Omit<SessionPoolOptions, 'graphs'>): Promise<MetricPool>;
export declare function decoderRmse(manifest: BundleManifest, condition: Condition): number;
