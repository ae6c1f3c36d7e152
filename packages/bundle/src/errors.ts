import { SemcastError } from '@semcast/core';

/** Options of every error here: what to do, and what it came from. */
export interface BundleErrorOptions {
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** `E_BUNDLE_MISSING`: a bundle's folder, its bundle.json or a file named there isn't on disk. */
export class BundleMissingError extends SemcastError {
  override readonly name = 'BundleMissingError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_BUNDLE_MISSING', message, options);
  }
}

/** `E_BUNDLE_MANIFEST`: bundle.json (or its parity list) is no JSON, or says something that can't be. */
export class BundleManifestError extends SemcastError {
  override readonly name = 'BundleManifestError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_BUNDLE_MANIFEST', message, options);
  }
}

/** `E_BUNDLE_HASH`: a file of the bundle isn't the one that its manifest was written for. */
export class BundleHashError extends SemcastError {
  override readonly name = 'BundleHashError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_BUNDLE_HASH', message, options);
  }
}

/** `E_BUNDLE_GRAPH`: a file is no ONNX graph that ONNX Runtime loads, or has other inputs or outputs than it must. */
export class BundleGraphError extends SemcastError {
  override readonly name = 'BundleGraphError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_BUNDLE_GRAPH', message, options);
  }
}

/** `E_DEVICE_UNAVAILABLE`: the wanted device (CUDA) can't be used on this machine. */
export class DeviceUnavailableError extends SemcastError {
  override readonly name = 'DeviceUnavailableError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_DEVICE_UNAVAILABLE', message, options);
  }
}

/** `E_FEED`: the tensors given to a graph aren't the ones it takes (names, ranks, sizes, element counts). */
export class FeedError extends SemcastError {
  override readonly name = 'FeedError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_FEED', message, options);
  }
}

/** `E_QUEUE_FULL`: as many runs wait for a worker as the pool lets wait. */
export class QueueFullError extends SemcastError {
  override readonly name = 'QueueFullError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_QUEUE_FULL', message, options);
  }
}

/** `E_CANCELLED`: the caller's AbortSignal fired before the result was there; `cause` is the signal's reason. */
export class CancelledError extends SemcastError {
  override readonly name = 'CancelledError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_CANCELLED', message, options);
  }
}

/** `E_INFERENCE`: a graph failed while it ran, or its worker thread died. */
export class InferenceError extends SemcastError {
  override readonly name = 'InferenceError';
  /** The run was lost with its worker, which is replaced: the same run may succeed. */
  readonly workerDied: boolean;

  constructor(message: string, { workerDied = false, ...options }: BundleErrorOptions & { workerDied?: boolean } = {}) {
    super('E_INFERENCE', message, options);
    this.workerDied = workerDied;
  }
}

/** `E_POOL_CLOSED`: a run was asked of a pool that is closed or closing. */
export class PoolClosedError extends SemcastError {
  override readonly name = 'PoolClosedError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_POOL_CLOSED', message, options);
  }
}

/** `E_UNKNOWN_RATE`: a bandwidth ratio that the bundle wasn't trained for. */
export class UnknownRateError extends SemcastError {
  override readonly name = 'UnknownRateError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_UNKNOWN_RATE', message, options);
  }
}

/** `E_IMAGE_TOO_LARGE`: a picture has more pixels than the codec is allowed to take. */
export class ImageTooLargeError extends SemcastError {
  override readonly name = 'ImageTooLargeError';

  constructor(message: string, options: BundleErrorOptions = {}) {
    super('E_IMAGE_TOO_LARGE', message, options);
  }
}
