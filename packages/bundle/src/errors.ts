import { errorClass, SemcastError, type SemcastErrorOptions } from '@semcast/core';

/** `E_BUNDLE_MISSING`: a bundle's folder, its bundle.json or a file named there isn't on disk. */
export class BundleMissingError extends errorClass('BundleMissingError', 'E_BUNDLE_MISSING') {}

/** `E_BUNDLE_MANIFEST`: bundle.json (or its parity list) is no JSON, or says something that can't be. */
export class BundleManifestError extends errorClass('BundleManifestError', 'E_BUNDLE_MANIFEST') {}

/** `E_BUNDLE_HASH`: a file of the bundle isn't the one that its manifest was written for. */
export class BundleHashError extends errorClass('BundleHashError', 'E_BUNDLE_HASH') {}

/** `E_BUNDLE_GRAPH`: a file is no ONNX graph that ONNX Runtime loads, or has other inputs or outputs than it must. */
export class BundleGraphError extends errorClass('BundleGraphError', 'E_BUNDLE_GRAPH') {}

/** `E_DEVICE_UNAVAILABLE`: the wanted device (CUDA) can't be used on this machine. */
export class DeviceUnavailableError extends errorClass('DeviceUnavailableError', 'E_DEVICE_UNAVAILABLE') {}

/** `E_FEED`: the tensors given to a graph aren't the ones it takes (names, ranks, sizes, element counts). */
export class FeedError extends errorClass('FeedError', 'E_FEED') {}

/** `E_QUEUE_FULL`: as many runs wait for a worker as the pool lets wait. */
export class QueueFullError extends errorClass('QueueFullError', 'E_QUEUE_FULL') {}

/** `E_CANCELLED`: the caller's AbortSignal fired before the result was there; `cause` is the signal's reason. */
export class CancelledError extends errorClass('CancelledError', 'E_CANCELLED') {}

/** `E_INFERENCE`: a graph failed while it ran, or its worker thread died. */
export class InferenceError extends SemcastError {
  override readonly name = 'InferenceError';
  /** The run was lost with its worker, which is replaced: the same run may succeed. */
  readonly workerDied: boolean;

  constructor(
    message: string,
    { workerDied = false, ...options }: SemcastErrorOptions & { workerDied?: boolean } = {},
  ) {
    super('E_INFERENCE', message, options);
    this.workerDied = workerDied;
  }
}

/** `E_POOL_CLOSED`: a run was asked of a pool that is closed or closing. */
export class PoolClosedError extends errorClass('PoolClosedError', 'E_POOL_CLOSED') {}

/** `E_UNKNOWN_RATE`: a bandwidth ratio that the bundle wasn't trained for. */
export class UnknownRateError extends errorClass('UnknownRateError', 'E_UNKNOWN_RATE') {}

/** `E_IMAGE_TOO_LARGE`: a picture has more pixels than the codec is allowed to take. */
export class ImageTooLargeError extends errorClass('ImageTooLargeError', 'E_IMAGE_TOO_LARGE') {}
