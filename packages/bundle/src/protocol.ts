import type { Device, GraphSignature, ImageFeed, ImageFetch, RunResult } from './types.js';

export interface GraphToLoad {
  readonly name: string;
  readonly file: string;
  /** Not before the first run. */
  readonly deferred: boolean;
}

/** What a worker thread is started with. */
export interface WorkerSetup {
  readonly graphs: readonly GraphToLoad[];
  readonly hashes: ReadonlyMap<string, string>;
  readonly device: Device;
  readonly deviceId: number;
  /** Of the thread's NativeGuard. */
  readonly guard: SharedArrayBuffer;
}

/** A tensor on its way between threads. */
export interface PackedTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Pictures on their way to a worker. */
export interface PackedImages extends ImageFeed {
  readonly name: string;
}

export type PackedFeed = PackedTensor | PackedImages;

/** Main thread → worker: one run. A worker is never given a second one before it has answered. */
export interface RunRequest {
  readonly graph: string;
  readonly feeds: readonly PackedFeed[];
  readonly fetch: ImageFetch | undefined;
}

/** Worker → main thread. `seconds` is the time inside ONNX Runtime, but for `loadSeconds` of loading before the run. */
export type WorkerReply =
  | {
      readonly type: 'ready';
      readonly signatures: Record<string, GraphSignature>;
      readonly warnings: readonly string[];
    }
  | { readonly type: 'unready'; readonly failure: LoadFailure }
  | {
      readonly type: 'done';
      readonly seconds: number;
      readonly loadSeconds: number;
      readonly result: RunResult;
    }
  | { readonly type: 'failed'; readonly message: string };

/** Why a worker couldn't load a graph: the file is none, or another than it was, or the device is at fault. */
export interface LoadFailure {
  readonly fault: 'graph' | 'changed' | 'device';
  readonly graph: string;
  readonly file: string;
  readonly message: string;
}
