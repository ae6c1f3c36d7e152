import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessOptions {
  /** What to run. Default: this Node. */
  readonly command?: string;
  /** What follows it: a script and its arguments. */
  readonly args: readonly string[];
  /** Added to the environment; undefined takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Open an IPC channel, as a fork does. Default false. */
  readonly ipc?: boolean;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A real process under test. */
export interface TestProcess {
  readonly pid: number;
  /** Everything written so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Everything sent over IPC so far. */
  readonly messages: readonly unknown[];
  readonly ended: Promise<ProcessEnd>;
  kill(signal?: NodeJS.Signals): void;
  /** Resolves when the condition holds; rejects, with what the process wrote, when it ends before or takes too long. */
  until(what: string, condition: (process: TestProcess) => boolean, timeoutMs?: number): Promise<void>;
}

/** Starts processes and makes sure that none outlives the test. */
export interface ProcessKeeper {
  start(options: ProcessOptions): TestProcess;
  /** SIGKILL whatever still runs, and wait for its end. For `afterEach`. */
  killAll(): Promise<void>;
}

const POLL_MS = 20;

/** Wait until a condition holds. @throws Error naming what was waited for */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 90_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    }
    await sleep(POLL_MS);
  }
}

export function createProcessKeeper(): ProcessKeeper {
  const running = new Map<ChildProcess, Promise<ProcessEnd>>();
  return {
    start: ({ command = process.execPath, args, env = {}, cwd, ipc = false }) => {
      const merged: NodeJS.ProcessEnv = { ...process.env, ...env };
      for (const [name, value] of Object.entries(env)) {
        if (value === undefined) {
          delete merged[name];
        }
      }
      const child = spawn(command, [...args], {
        stdio: ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
        env: merged,
        ...(cwd === undefined ? {} : { cwd }),
      });
      const written = { stdout: '', stderr: '' };
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        written.stdout += text;
      });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        written.stderr += text;
      });
      const messages: unknown[] = [];
      child.on('message', (message) => messages.push(message));
      let end: ProcessEnd | undefined;
      const ended = new Promise<ProcessEnd>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code, signal) => {
          end = { code, signal };
          running.delete(child);
          resolve(end);
        });
      });
      running.set(child, ended);
      const self: TestProcess = {
        pid: child.pid!,
        get stdout() {
          return written.stdout;
        },
        get stderr() {
          return written.stderr;
        },
        messages,
        ended,
        kill: (signal = 'SIGTERM') => {
          child.kill(signal);
        },
        until: async (what, condition, timeoutMs) => {
          try {
            await waitFor(
              what,
              () => {
                if (condition(self)) {
                  return true;
                }
                if (end !== undefined) {
                  throw new Error(`the process ended (${end.code ?? end.signal}) before ${what}`);
                }
                return false;
              },
              timeoutMs,
            );
          } catch (error) {
            throw new Error(
              `${(error as Error).message}\n--- stdout\n${written.stdout}\n--- stderr\n${written.stderr}`,
              { cause: error },
            );
          }
        },
      };
      return self;
    },
    killAll: async () => {
      const ends = [...running.values()];
      for (const child of running.keys()) {
        child.kill('SIGKILL');
      }
      await Promise.all(ends);
    },
  };
}

/** Ports that are free at this moment; distinct. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether a process with this id exists (a zombie counts as gone). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return statOf(String(pid))[0] !== 'Z';
  } catch {
    return !existsSync('/proc/self');
  }
}

/** Fields of /proc/PID/stat behind the command's name, which may hold anything: state first, then the parent's id. */
function statOf(pid: string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/**
 * Ids of the processes whose command line contains a text, however they came to be: what is left of a family when its
 * parent is gone. With `parent`, only the children of that process. Needs /proc; undefined on a system without it.
 */
export function findProcesses(text: string, { parent }: { readonly parent?: number } = {}): number[] | undefined {
  if (!existsSync('/proc/self/cmdline')) {
    return undefined;
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return (
          readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(text) &&
          (parent === undefined || Number(statOf(name)[1]) === parent)
        );
      } catch {
        // It ended while we looked.
        return false;
      }
    })
    .map(Number);
}
