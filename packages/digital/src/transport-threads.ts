import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { describeError, type ComplexVector } from '@semcast/core';
import type { ReceivedSymbols } from '@semcast/phy';
import { Piscina } from 'piscina';
import { TransportThreadError } from './errors.js';
import type { LinkFormat, TransportCoder } from './link.js';
import type { TransportJob } from './transport-worker.js';

/** Compiled, also for the tests that run this file's source. */
const WORKER_MODULE = new URL('../dist/transport-worker.js', import.meta.url);
/** A thread that has had nothing to do for so long ends. */
const IDLE_MS = 60_000;

/** Channel coding in threads of its own, which start when there is something to code. */
export class TransportThreads implements TransportCoder {
  readonly #pool: Piscina<TransportJob, Uint8Array | ComplexVector | null>;
  /** Ends what is under way when a thread can't even start, for which its jobs would wait for ever. */
  #end = newEnd();

  /** @param most threads at a time; default: one for each core */
  constructor(most = availableParallelism()) {
    this.#pool = new Piscina({
      filename: WORKER_MODULE.href,
      minThreads: 0,
      maxThreads: most,
      idleTimeout: IDLE_MS,
      // No inherited flags: a loader or an inspector of the parent isn't meant for these threads.
      execArgv: [],
    });
    this.#pool.on('error', (cause: unknown) => {
      this.#end.abort(
        new TransportThreadError(`a thread of the channel code could not run: ${describeError(cause)}`, { cause }),
      );
      this.#end = newEnd();
    });
  }

  async encode(block: Uint8Array, format: LinkFormat): Promise<ComplexVector> {
    return (await this.#run({ block, format })) as ComplexVector;
  }

  async decode(received: ReceivedSymbols, format: LinkFormat): Promise<Uint8Array | null> {
    return (await this.#run({ received, format })) as Uint8Array | null;
  }

  async #run(job: TransportJob): Promise<Uint8Array | ComplexVector | null> {
    const { signal } = this.#end;
    try {
      return await this.#pool.run(job, { signal });
    } catch (cause) {
      throw signal.aborted
        ? signal.reason
        : new TransportThreadError(`the channel code failed: ${describeError(cause)}`, { cause });
    }
  }

  /** End the threads; what is under way is rejected. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Each job listens, and how many there are is for others to limit. */
function newEnd(): AbortController {
  const end = new AbortController();
  setMaxListeners(0, end.signal);
  return end;
}
