import type { RgbImage, Tensor } from '@semcast/core';

/** Where inference runs. */
export type Device = 'cpu' | 'cuda';

/** How pixels become network input: (rgb/255 - mean) / std, per colour channel. */
export interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/**
 * Pictures as a graph's input. The worker turns them into a [B,3,H',W'] tensor, padded at the right and the bottom to
 * multiples of `multiple` (by reflection, by edge replication where a side is too short to reflect), so that the
 * caller's event loop is spared the pass over the pixels. All are of one padded size.
 */
export interface ImageFeed {
  readonly images: readonly RgbImage[];
  readonly multiple: number;
  readonly normalisation: Normalisation;
}

/** What a graph can be fed with. */
export type Feed = Tensor | ImageFeed;

/**
 * Which output [B,3,H,W] becomes 8-bit pictures (made in the worker), how, and how large: one size for each picture of
 * the batch, cropped top left.
 */
export interface ImageFetch {
  readonly output: string;
  readonly normalisation: Normalisation;
  readonly sizes: readonly { readonly width: number; readonly height: number }[];
  /** Whether that output itself is wanted beside the pictures. */
  readonly keepTensor: boolean;
}

export interface RunOptions {
  /** Take pictures from one output, and none of the others. */
  readonly fetch?: ImageFetch;
  /** Cancels the run: at once while it waits; while it runs, the caller is freed and the result thrown away. */
  readonly signal?: AbortSignal;
  /** The feeds' arrays won't be written to any more, so they needn't be copied while the run waits. */
  readonly transfer?: boolean;
  /** Called before the run resolves, with the seconds that it waited for a deferred graph to be loaded. */
  readonly onLoad?: (seconds: number) => void;
}

/** What a run gives: outputs by name, or (with `fetch`) pictures, and what they were made of where that is wanted. */
export interface RunResult {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** null: a value of that picture is NaN. */
  readonly images: readonly (RgbImage | null)[];
}

/** An input or output of a graph: its name and its sizes, a number where fixed, a name (or null) where dynamic. */
export interface TensorSignature {
  readonly name: string;
  readonly dims: readonly (number | string | null)[];
}

/** What a graph takes and gives; all of it float32. */
export interface GraphSignature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

/** What a graph must offer, checked when a pool loads it. Ranks only: sizes are the graph's own business. */
export interface ExpectedSignature {
  /** Input name → rank. The graph must have exactly these. */
  readonly inputs: Readonly<Record<string, number>>;
  /** Output name → rank. The graph may have more. */
  readonly outputs: Readonly<Record<string, number>>;
}

/** A graph to load: its file, absolute, and what it has to look like. */
export interface GraphSource {
  readonly file: string;
  /** Its form for the CPU, absolute, which is loaded instead on a CPU. */
  readonly cpuFile?: string;
  /** Its form with convolutions in 8 bits, absolute, which `graphsAt` makes its form for the CPU. */
  readonly int8File?: string;
  /**
   * A worker loads it at its first run, and not at the start: for graphs that take much memory and are rarely used. Its
   * inputs and outputs are read at the start in any case.
   */
  readonly deferred?: boolean;
  readonly expect?: ExpectedSignature;
}

export interface SessionPoolOptions {
  /** Graphs by name; a plain string is an absolute file. Every worker loads all of them. */
  readonly graphs: Readonly<Record<string, string | GraphSource>>;
  /**
   * SHA-256 of files by absolute path, such as a bundle's: a worker compares whenever it loads a graph, so that no
   * replacement and no deferred graph comes from files that were replaced since.
   */
  readonly hashes?: ReadonlyMap<string, string>;
  readonly device?: Device;
  /** CUDA device number. */
  readonly deviceId?: number;
  /** Worker threads. Default: one per core on a CPU, one on CUDA (where no other number is allowed). */
  readonly workers?: number;
  /** Runs that may wait for a worker; one more is refused with E_QUEUE_FULL. Default 64. */
  readonly maxQueue?: number;
  /** Called after each run with the seconds spent inside ONNX Runtime (conversions and waiting not counted). */
  readonly onRun?: (graph: string, seconds: number) => void;
  /**
   * The longest that a run may take, in milliseconds, the loading of a deferred graph included; by default there is no
   * limit. A longer one fails. Its thread can't be ended inside ONNX Runtime: it is given up, ends by itself if it ever
   * comes back, and another takes its place.
   */
  readonly maxRunMs?: number;
  /**
   * Called when so many threads were given up that no more are started: more than there are workers. Only the end
   * of the process frees their cores and memory.
   */
  readonly onStuck?: (error: Error) => void;
  /** The longest pause between two tries to replace a worker that died, in milliseconds. Default 30,000. */
  readonly maxRestartDelayMs?: number;
  /**
   * Called with false when no worker is left: each died, and three replacements failed. Runs are refused then. The pool
   * goes on trying at growing intervals, and calls it with true when there is a worker again.
   */
  readonly onAvailable?: (available: boolean) => void;
  /** Called when a worker died or when a graph needs the CPU beside the GPU: a sentence for the log. */
  readonly onWarning?: (message: string) => void;
}
