import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { REPOSITORY_ROOT, waitFor, type NatsServer, type ProcessKeeper, type TestProcess } from '@semcast/testkit';
import { join } from 'node:path';

/** A process that can be killed and started again, and paused. */
export interface Victim {
  readonly name: string;
  /** Kill it, and start it again after a while; resolves when it is ready. */
  kill(holdMs: number): Promise<void>;
  pause(holdMs: number): Promise<void>;
}

const SEMCAST = join(REPOSITORY_ROOT, 'apps/cli/bin/semcast.js');
/** On a machine with much else to do a start takes long. */
const START_MS = 240_000;
// A process that is started loads what was compiled.
const CLOCK_JUMPS = join(REPOSITORY_ROOT, 'packages/stack/dist/chaos/clock-jumps.js');

/** A service as `semcast` runs it. An end that nobody wanted is a violation. */
export class Service implements Victim {
  readonly name: string;
  /** One process after the other. */
  readonly lives: TestProcess[] = [];
  readonly #start: () => TestProcess;
  readonly #onEnd: (violation: string) => void;
  readonly #signal: AbortSignal;
  #endWanted = false;

  /**
   * @param name of this one among others
   * @param command as in `semcast receiver`
   * @param config its settings
   */
  constructor(
    name: string,
    command: string,
    config: object,
    { keeper, dir, jumps, signal, onEnd }: ServiceSurroundings,
  ) {
    this.name = name;
    this.#onEnd = onEnd;
    this.#signal = signal;
    const file = join(dir, `${name}.json`);
    writeFileSync(file, JSON.stringify({ logLevel: 'warn', ...config }));
    const env = { NO_COLOR: '1', SEMCAST_BUNDLE: undefined, ...(jumps && { NODE_OPTIONS: `--import=${CLOCK_JUMPS}` }) };
    this.#start = () => keeper.start({ args: [SEMCAST, command, '--config', file], cwd: dir, env, ipc: true });
  }

  async start(): Promise<void> {
    this.#signal.throwIfAborted();
    this.#endWanted = false;
    const life = this.#start();
    this.lives.push(life);
    void this.#watch(life);
    await life.until(`the ${this.name} is ready`, ({ messages }) => messages.length > 0, START_MS);
  }

  async #watch(life: TestProcess): Promise<void> {
    const { code, signal } = await life.ended;
    if (!this.#endWanted) {
      this.#onEnd(`the ${this.name} ended by itself (${code ?? signal}): ${life.stderr.trimEnd().split('\n').at(-1)}`);
    }
  }

  /** Whether it has done its work, and says so. */
  get finished(): boolean {
    return this.lives.at(-1)?.messages.some((message) => (message as { type: string }).type === 'finished') === true;
  }

  /** End it as one should. */
  async stop(): Promise<void> {
    this.#endWanted = true;
    this.lives.at(-1)?.kill('SIGTERM');
    const end = await this.lives.at(-1)?.ended;
    if (end !== undefined && end.code !== 0) {
      this.#onEnd(`the ${this.name} ended with ${end.code ?? end.signal} when it was told to`);
    }
  }

  async kill(holdMs: number): Promise<void> {
    this.#endWanted = true;
    this.lives.at(-1)?.kill('SIGKILL');
    await this.lives.at(-1)?.ended;
    await sleep(holdMs, undefined, { signal: this.#signal });
    await this.start();
  }

  async pause(holdMs: number): Promise<void> {
    this.lives.at(-1)?.kill('SIGSTOP');
    await sleep(holdMs);
    this.lives.at(-1)?.kill('SIGCONT');
  }

  /** Wait until it says on its own that it is ready to serve. */
  async ready(port: number): Promise<void> {
    await waitFor(`the ${this.name} to be ready`, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    });
  }
}

export interface ServiceSurroundings {
  readonly keeper: ProcessKeeper;
  readonly dir: string;
  /** Whether its wall clock jumps. */
  readonly jumps: boolean;
  /** Fires when nothing may be started any more. */
  readonly signal: AbortSignal;
  readonly onEnd: (violation: string) => void;
}

/** The server of the queue. */
export function natsVictim(server: NatsServer, signal: AbortSignal): Victim {
  return {
    name: 'nats',
    kill: async (holdMs) => {
      await server.stop();
      await sleep(holdMs, undefined, { signal });
      await server.start();
    },
    pause: async (holdMs) => {
      server.signal('SIGSTOP');
      await sleep(holdMs);
      server.signal('SIGCONT');
    },
  };
}
