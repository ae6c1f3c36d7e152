import { fork, type ChildProcess } from 'node:child_process';
import { ServiceBootError } from '../errors.js';
import { createLineSplitter, readLogLine } from './log-lines.js';

/** The message of a service to its parent when it listens. */
export interface ReadyMessage {
  readonly type: 'ready';
  readonly httpUrl: string;
  readonly wsUrl?: string;
}

export function isReadyMessage(message: unknown): message is ReadyMessage {
  return (
    typeof message === 'object' &&
    message !== null &&
    'type' in message &&
    message.type === 'ready' &&
    'httpUrl' in message &&
    typeof message.httpUrl === 'string'
  );
}

/** A module to run as a service. */
export interface ServiceSpec {
  /** How it is called in messages: `receiver`. */
  readonly name: string;
  /** The script, absolute. */
  readonly entry: string;
  readonly args: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ServiceProcessEvents {
  /** Every line of its log, as it came. */
  readonly onLine?: (line: string) => void;
  /** Every message but `ready`. */
  readonly onMessage?: (message: unknown) => void;
}

export interface ServiceExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its log that say what was wrong; empty when there are none. */
  readonly lastWords: string;
}

/** A service that is ready. */
export interface ServiceProcess {
  readonly pid: number;
  readonly ready: ReadyMessage;
  /** Resolves when the process has ended, however. */
  readonly ended: Promise<ServiceExit>;
  send(message: object): void;
  /** Ask it to end (SIGTERM); after `graceMs` it is killed. Resolves when it has ended. */
  stop(graceMs: number): Promise<ServiceExit>;
  /** SIGKILL, at once. */
  kill(): void;
}

export interface StartOptions extends ServiceProcessEvents {
  /** Longest time until `ready`; loading a model on a busy machine takes its time. */
  readonly bootTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** `ended with code 1`, `was killed (SIGKILL)`. */
export function describeExit({ code, signal }: ServiceExit): string {
  return signal === null ? `ended with code ${code}` : `was killed (${signal})`;
}

/**
 * Start a service as a process of its own and wait until it is ready.
 *
 * It gets a process group of its own: Ctrl-C reaches this process alone, which then ends its services in order. Should
 * this process die without a word, the closing of the IPC channel tells the service to end.
 *
 * @throws ServiceBootError when it ends or stays silent instead.
 */
export async function startServiceProcess(spec: ServiceSpec, options: StartOptions = {}): Promise<ServiceProcess> {
  const { bootTimeoutMs = 120_000, signal, onLine, onMessage } = options;
  signal?.throwIfAborted();
  const child = fork(spec.entry, [...spec.args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...spec.env },
    // A debugger or a loader of the parent is not meant for its children; a second inspector would clash on its port.
    execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
  });
  // The last line of defence: whatever ends this process, its services don't outlive it.
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.on('exit', kill);
  const ended = followOutput(child, onLine).finally(() => process.off('exit', kill));

  const ready = await waitUntilReady(spec, child, ended, { bootTimeoutMs, signal, onMessage });

  return {
    pid: child.pid!,
    ready,
    ended,
    send: (message) => {
      if (child.connected) {
        // Without a callback a channel that closes meanwhile would raise an 'error' event instead.
        child.send(message, () => {});
      }
    },
    stop: async (graceMs) => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
        try {
          return await ended;
        } finally {
          clearTimeout(timer);
        }
      }
      return await ended;
    },
    kill,
  };
}

const ABORT_GRACE_MS = 3000;

async function waitUntilReady(
  { name }: ServiceSpec,
  child: ChildProcess,
  ended: Promise<ServiceExit>,
  {
    bootTimeoutMs,
    signal,
    onMessage,
  }: Required<Pick<StartOptions, 'bootTimeoutMs'>> & {
    signal: AbortSignal | undefined;
    onMessage: ServiceProcessEvents['onMessage'] | undefined;
  },
): Promise<ReadyMessage> {
  const timers: NodeJS.Timeout[] = [];
  const abort = (): void => {
    child.kill('SIGTERM');
    timers.push(setTimeout(() => child.kill('SIGKILL'), ABORT_GRACE_MS));
  };
  signal?.addEventListener('abort', abort, { once: true });
  let timedOut = false;
  timers.push(
    setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, bootTimeoutMs),
  );
  const ready = new Promise<ReadyMessage>((resolve) => {
    child.on('message', (message) => {
      if (isReadyMessage(message)) {
        resolve(message);
      } else {
        onMessage?.(message);
      }
    });
  });
  try {
    const first = await Promise.race([ready, ended]);
    if (isReadyMessage(first)) {
      return first;
    }
    signal?.throwIfAborted();
    if (timedOut) {
      throw new ServiceBootError(`the ${name} was not ready within ${Math.round(bootTimeoutMs / 1000)} s`, {
        remedy: 'look into the log; on a busy machine try once more',
      });
    }
    throw new ServiceBootError(
      `the ${name} ${describeExit(first)} before it was ready${first.lastWords === '' ? '' : `: ${first.lastWords}`}`,
      { remedy: `mend that, or run "semcast ${name}" by itself to see its whole log` },
    );
  } finally {
    signal?.removeEventListener('abort', abort);
    for (const timer of timers) {
      clearTimeout(timer);
    }
  }
}

/** Passes on the lines of both streams; resolves when the process has ended and its streams are read to the end. */
async function followOutput(child: ChildProcess, onLine?: (line: string) => void): Promise<ServiceExit> {
  let lastWords = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on(
      'data',
      createLineSplitter((line) => {
        const { level, text } = readLogLine(line);
        // A stack trace follows the message that matters.
        if (level === 'error' && !/^\s*(at |node:|\^|Node\.js v)/.test(text)) {
          lastWords = text;
        }
        onLine?.(line);
      }),
    );
  }
  return await new Promise((resolve) => {
    child.once('error', (error) => {
      // The process could not even be started.
      resolve({ code: null, signal: null, lastWords: error.message });
    });
    child.once('close', (code, exitSignal) => resolve({ code, signal: exitSignal, lastWords }));
  });
}
