import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceLostError } from '../errors.js';
import {
  describeExit,
  startServiceProcess,
  type ReadyMessage,
  type ServiceProcess,
  type ServiceSpec,
} from './service-process.js';

/** Restarts in a row before a service is given up. */
const MAX_RESTARTS = 3;
/** A service that ran this long counts as recovered: its restarts are forgotten. */
const STABLE_MS = 30_000;

export interface SupervisorOptions {
  /** Every line of a service's log. */
  readonly onLine: (service: string, line: string) => void;
  /** Every message of a service but `ready`. */
  readonly onMessage?: (service: string, message: unknown) => void;
  /** A service ended on its own, and is about to be started again: a sentence for people. */
  readonly onLost: (text: string) => void;
  /** A service that had ended is ready again. */
  readonly onRecovered: (service: string) => void;
  /** First wait before a restart; doubles each time in a row. */
  readonly restartDelayMs?: number;
  /** Time that a service is given to end by itself. */
  readonly graceMs?: number;
  readonly bootTimeoutMs?: number;
}

/** Keeps services running, and ends them all. */
export interface Supervisor {
  /** Start a service and wait until it is ready. The first start isn't tried twice: its error is the user's to see. */
  start(spec: ServiceSpec, options?: { readonly signal?: AbortSignal }): Promise<ReadyMessage>;
  /** Should it have to be started again, then with this command line. */
  respecify(spec: ServiceSpec): void;
  /** A service that ends by itself from now on has done its work, and isn't started again. */
  release(service: string): void;
  /** Rejects (ServiceLostError) when a service had to be given up; else pending for ever. */
  readonly lost: Promise<never>;
  /** End all services, the last that was started first. Idempotent. */
  stop(): Promise<void>;
}

interface Watched {
  spec: ServiceSpec;
  booting: Promise<ServiceProcess> | null;
  restarts: number;
  released: boolean;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { restartDelayMs = 500, graceMs = 4000, bootTimeoutMs = 120_000 } = options;
  const services = new Map<string, Watched>();
  const stopping = new AbortController();
  let stopped: Promise<void> | null = null;
  let giveUp!: (error: Error) => void;
  const lost = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  // A rejection that is not awaited must not end the process.
  lost.catch(() => {});

  const launch = async (watched: Watched, signal: AbortSignal): Promise<ReadyMessage> => {
    const { name } = watched.spec;
    const booting = startServiceProcess(watched.spec, {
      bootTimeoutMs,
      signal,
      onLine: (line) => options.onLine(name, line),
      onMessage: (message) => options.onMessage?.(name, message),
    });
    watched.booting = booting;
    const running = await booting;
    void watch(watched, running);
    return running.ready;
  };

  const watch = async (watched: Watched, running: ServiceProcess): Promise<void> => {
    const readyAt = performance.now();
    let exit = await running.ended;
    if (performance.now() - readyAt >= STABLE_MS) {
      watched.restarts = 0;
    }
    const { name } = watched.spec;
    while (!stopping.signal.aborted && !watched.released) {
      if (watched.restarts >= MAX_RESTARTS) {
        giveUp(
          new ServiceLostError(
            `the ${name} ${describeExit(exit)} and was started again ${MAX_RESTARTS} times in vain${exit.lastWords === '' ? '' : `: ${exit.lastWords}`}`,
            { remedy: 'look into the log' },
          ),
        );
        return;
      }
      watched.restarts++;
      options.onLost(`the ${name} ${describeExit(exit)}; starting it again (${watched.restarts} of ${MAX_RESTARTS})`);
      try {
        await sleep(restartDelayMs * 2 ** (watched.restarts - 1), undefined, { signal: stopping.signal });
        await launch(watched, stopping.signal);
        options.onRecovered(name);
        return;
      } catch (error) {
        // It failed to boot: that counts as one more end.
        exit = { code: null, signal: null, lastWords: error instanceof Error ? error.message : String(error) };
      }
    }
  };

  const stopAll = async (): Promise<void> => {
    stopping.abort();
    for (const { booting } of [...services.values()].toReversed()) {
      // One that was just booting has been told to end by the signal above; its failure is no news.
      const running = await booting?.catch(() => null);
      await running?.stop(graceMs);
    }
  };

  return {
    start: async (spec, { signal } = {}) => {
      const watched: Watched = { spec, booting: null, restarts: 0, released: false };
      services.set(spec.name, watched);
      return await launch(watched, signal === undefined ? stopping.signal : AbortSignal.any([signal, stopping.signal]));
    },
    respecify: (spec) => {
      const watched = services.get(spec.name);
      if (watched !== undefined) {
        watched.spec = spec;
      }
    },
    release: (service) => {
      const watched = services.get(service);
      if (watched !== undefined) {
        watched.released = true;
      }
    },
    lost,
    stop: async () => {
      stopped ??= stopAll();
      await stopped;
    },
  };
}
