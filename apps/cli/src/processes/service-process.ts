import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { flagList, type FlagInput } from '../arguments/flag-list.js';
import { ServiceBootError } from '../errors.js';
import { createLineSplitter, readLogLine } from './log-lines.js';
import { LOOPBACK } from './ports.js';

const readyMessage = z.object({ type: z.literal('ready'), httpUrl: z.string(), wsUrl: z.string().optional() });
/** The message of a service to its parent when it listens. */
export type ReadyMessage = z.infer<typeof readyMessage>;

/** A module to run as a service. */
export interface ServiceSpec {
  /** How it is called in messages: `receiver`. */
  readonly name: string;
  /** The script, absolute. */
  readonly entry: string;
  readonly args: readonly string[];
}

/** The script of the `semcast` command itself, which runs a service when it is forked with the service's name. */
const SEMCAST_ENTRY = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** A service of semcast on this machine. */
export function semcastService(name: string, port: number, flags: Readonly<Record<string, FlagInput>>): ServiceSpec {
  return { name, entry: SEMCAST_ENTRY, args: [name, ...flagList({ host: LOOPBACK, port, ...flags })] };
}

export interface ServiceExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its log that say what was wrong; empty when there are none. */
  readonly lastWords: string;
}

/** A service that is ready. */
export interface ServiceProcess {
  readonly ready: ReadyMessage;
  /** Resolves when the process has ended, however. */
  readonly ended: Promise<ServiceExit>;
  /** Ask it to end (SIGTERM); after `graceMs` it is killed. Resolves when it has ended. */
  stop(graceMs: number): Promise<ServiceExit>;
}

export interface StartOptions {
  /** Every line of its log, as it came. */
  readonly onLine: (line: string) => void;
  /** Every message but `ready`. */
  readonly onMessage: (message: unknown) => void;
  /** Longest time until `ready`; loading a model on a busy machine takes its time. */
  readonly bootTimeoutMs: number;
  readonly signal: AbortSignal;
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
export async function startServiceProcess(spec: ServiceSpec, options: StartOptions): Promise<ServiceProcess> {
  options.signal.throwIfAborted();
  const child = fork(spec.entry, [...spec.args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A debugger or a loader of the parent is not meant for its children; a second inspector would clash on its port.
    execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
  });
  // The last line of defence: whatever ends this process, its services don't outlive it.
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.on('exit', kill);
  const ended = followOutput(child, options.onLine).finally(() => process.off('exit', kill));

  return {
    ready: await waitUntilReady(spec, child, ended, options),
    ended,
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
  };
}

const ABORT_GRACE_MS = 3000;

async function waitUntilReady(
  { name }: ServiceSpec,
  child: ChildProcess,
  ended: Promise<ServiceExit>,
  { bootTimeoutMs, signal, onMessage }: StartOptions,
): Promise<ReadyMessage> {
  const timers: NodeJS.Timeout[] = [];
  const abort = (): void => {
    child.kill('SIGTERM');
    timers.push(setTimeout(() => child.kill('SIGKILL'), ABORT_GRACE_MS));
  };
  signal.addEventListener('abort', abort, { once: true });
  let timedOut = false;
  timers.push(
    setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, bootTimeoutMs),
  );
  const ready = new Promise<ReadyMessage>((resolve) => {
    child.on('message', (message) => {
      const { data } = readyMessage.safeParse(message);
      if (data !== undefined) {
        resolve(data);
      } else {
        onMessage(message);
      }
    });
  });
  try {
    const first = await Promise.race([ready, ended]);
    if ('type' in first) {
      return first;
    }
    signal.throwIfAborted();
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
    signal.removeEventListener('abort', abort);
    for (const timer of timers) {
      clearTimeout(timer);
    }
  }
}

/** Passes on the lines of both streams; resolves when the process has ended and its streams are read to the end. */
async function followOutput(child: ChildProcess, onLine: (line: string) => void): Promise<ServiceExit> {
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
        onLine(line);
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
