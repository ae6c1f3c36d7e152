import { randomInt } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProcessKeeper, type ProcessKeeper, type TestProcess } from '@semcast/testkit';
import { DEMO_PHOTOS } from '@semcast/transmitter';
import { afterAll, afterEach, beforeAll, vi } from 'vitest';

/** The command as `npx semcast` runs it. */
export const SEMCAST = fileURLToPath(new URL('../bin/semcast.js', import.meta.url));

/** What a test should not inherit: colours, settings of the person who runs it. */
const CLEAN_ENV = { NO_COLOR: '1', FORCE_COLOR: undefined, SEMCAST_BUNDLE: undefined, COLUMNS: '100' };

export interface Workspace {
  /** A folder that goes when the tests of the file are through. */
  readonly dir: string;
  readonly keeper: ProcessKeeper;
  /** Start the command. */
  semcast(
    args: readonly string[],
    options?: { readonly ipc?: boolean; readonly env?: Record<string, string> },
  ): TestProcess;
  /** Run it to its end. */
  run(...args: string[]): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  /** A folder with the first photographs of the demonstration. */
  photos(count: number): Promise<string>;
}

/** For the tests of one file: a folder and processes, both gone afterwards. */
export function useWorkspace(): Workspace {
  // Real processes that load real networks: on two slow, busy cores a start takes many seconds.
  vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });
  const keeper = createProcessKeeper();
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'semcast-test-'));
  });
  afterEach(async () => {
    await keeper.killAll();
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });
  const semcast: Workspace['semcast'] = (args, { ipc = false, env = {} } = {}) =>
    keeper.start({ args: [SEMCAST, ...args], env: { ...CLEAN_ENV, ...env }, ipc, cwd: dir });
  return {
    get dir() {
      return dir;
    },
    keeper,
    semcast,
    run: async (...args) => {
      const command = semcast(args);
      const { code } = await command.ended;
      return { code, stdout: command.stdout, stderr: command.stderr };
    },
    photos: async (count) => {
      const folder = join(dir, `photos-${count}`);
      await mkdir(folder, { recursive: true });
      for (const name of ['brushes', 'creek', 'dandelion', 'dogs', 'drum', 'fig'].slice(0, count)) {
        await copyFile(join(DEMO_PHOTOS, `${name}.jpg`), join(folder, `${name}.jpg`));
      }
      return folder;
    },
  };
}

/**
 * The first of four free ports, below those that systems hand out themselves (from 32768): another test's connection
 * doesn't take one of them meanwhile.
 */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const base = randomInt(20_000, 32_000);
    const servers = [];
    try {
      for (const port of [base, base + 1, base + 2, base + 3]) {
        const server = createServer();
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject);
          server.listen(port, '127.0.0.1', resolve);
        });
        servers.push(server);
      }
      return base;
    } catch {
      // One of them is taken: another base.
    } finally {
      await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))));
    }
  }
  throw new Error('no four neighbouring ports are free');
}
