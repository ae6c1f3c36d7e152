import { WorkerPool, type SessionPool } from './pool.js';
import type { SessionPoolOptions } from './types.js';

export { findDefaultBundle, graphsAt, loadBundle, PRECISIONS, type Bundle, type Precision } from './bundle.js';
export { codecGeometry, createCodec, type Codec, type CodecOptions, type EncodedImage } from './codec.js';
export * from './errors.js';
export { pictureOrThrow, tensorToImages } from './images.js';
export {
  bundleManifestSchema,
  GRAPH_NAMES,
  type BundleManifest,
  type GraphName,
  type SymbolMoments,
} from './manifest.js';
export { createMetricPool, type MetricPool } from './metric-pool.js';
export { replayParity, type ParityResult } from './parity.js';
export { activeChannels, clampCsnrDb, decoderRmse, defaultRate, type Condition } from './rates.js';
export type { SessionPool } from './pool.js';
export { onnxRuntimeVersion } from './runtime-version.js';
export type * from './types.js';

/**
 * Load graphs into worker threads.
 *
 * @throws BundleGraphError (E_BUNDLE_GRAPH) when a file is no graph or has other inputs and outputs than expected,
 *   DeviceUnavailableError (E_DEVICE_UNAVAILABLE) when CUDA is asked for and can't be had, ArgumentError.
 */
export async function createSessionPool(options: SessionPoolOptions): Promise<SessionPool> {
  return WorkerPool.start(options);
}
