/** Which of a worker's two shared cells is which. */
const NATIVE = 0;
const STOP = 1;
const CELL_BYTES = 8;

/** Runs may take this long after `process.exit`, all together, before the process is killed. */
const EXIT_WAIT_MS = 5000;

/**
 * Keeps a thread from being ended while it is inside ONNX Runtime.
 *
 * A worker that is terminated there (by `worker.terminate()`, or because `process.exit()` ends all threads) takes
 * the whole process with it: the addon comes back to an environment that no longer takes values, throws in C++,
 * and the process aborts (seen with onnxruntime-node 1.30 on Node 20: every time, while loading as while running).
 * So both sides share two cells: "this thread is in native code" and "this thread is to end". Each side writes its
 * own cell first and reads the other's after, so that at least one of them sees the other.
 */
export class NativeGuard {
  readonly #cells: Int32Array;

  /** @param memory from {@link createGuardMemory}. */
  constructor(readonly memory: SharedArrayBuffer) {
    this.#cells = new Int32Array(memory);
  }

  /** Worker: may native code be entered? If not, the thread must end. */
  enter(): boolean {
    Atomics.store(this.#cells, NATIVE, 1);
    if (!this.stopping) {
      return true;
    }
    this.leave();
    return false;
  }

  /** Worker: native code has been left. */
  leave(): void {
    Atomics.store(this.#cells, NATIVE, 0);
    Atomics.notify(this.#cells, NATIVE);
  }

  /** Has the owner asked the thread to end? */
  get stopping(): boolean {
    return Atomics.load(this.#cells, STOP) === 1;
  }

  /** Owner: ask the thread to end. True when it can be terminated now, false when it is inside and will end itself. */
  requestStop(): boolean {
    Atomics.store(this.#cells, STOP, 1);
    return Atomics.load(this.#cells, NATIVE) === 0;
  }

  /** Owner: block this thread until the worker is outside native code. False when it still isn't. */
  waitUntilOutside(timeoutMs: number): boolean {
    return Atomics.wait(this.#cells, NATIVE, 1, timeoutMs) !== 'timed-out';
  }
}

/** Memory of a guard whose thread counts as inside native code at first, since it begins by loading the addon. */
export function createGuardMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(CELL_BYTES);
  new Int32Array(memory)[NATIVE] = 1;
  return memory;
}

const guarded = new Set<NativeGuard>();

/** Runs on `process.exit()`, on an uncaught exception, and at the natural end; nothing asynchronous can follow. */
function leaveNativeCode(): void {
  for (const guard of guarded) {
    guard.requestStop();
  }
  const deadline = performance.now() + EXIT_WAIT_MS;
  for (const guard of guarded) {
    if (!guard.waitUntilOutside(Math.max(0, deadline - performance.now()))) {
      // Node would wait for the thread, however long it takes, and abort when it comes back.
      process.kill(process.pid, 'SIGKILL');
    }
  }
}

/** While a guard is watched, an exit of this process first lets its thread come out of native code. */
export function watchExit(guard: NativeGuard): void {
  if (guarded.size === 0) {
    process.on('exit', leaveNativeCode);
  }
  guarded.add(guard);
}

/** The guard's thread is gone. */
export function unwatchExit(guard: NativeGuard): void {
  guard.leave();
  guarded.delete(guard);
  if (guarded.size === 0) {
    process.off('exit', leaveNativeCode);
  }
}
