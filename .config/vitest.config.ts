import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Beside the sources, and with this in their name: they start processes or threads, which run what was compiled. */
const PROCESS_TESTS = '**/*.process.test.ts';

export default defineConfig({
  root,
  test: {
    // ONNX Runtime is a native addon: forked processes keep one crash from taking the run with it.
    pool: 'forks',
    // Much of a run is waiting for processes: the default of one worker less than cores leaves half of two idle.
    maxWorkers: Math.max(2, availableParallelism()),
    // What is waited for comes at once, except on a machine whose cores are busy with something else.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        // Packages of the workspace are their sources: nothing has to be compiled.
        resolve: {
          alias: [
            { find: /^@semcast\/(transmitter|channel|receiver)$/, replacement: `${root}apps/$1/src/index.ts` },
            { find: /^@semcast\/([a-z-]+)$/, replacement: `${root}packages/$1/src/index.ts` },
          ],
        },
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'deploy/src/**/*.test.ts'],
          exclude: [PROCESS_TESTS, 'packages/stack/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'processes',
          include: [PROCESS_TESTS, 'packages/stack/src/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'deploy/test/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          // A machine that checks changes may be busy with something else; what is wrong fails twice.
          retry: process.env['SEMCAST_REQUIRE_TOOLS'] === undefined ? 0 : 1,
        },
      },
    ],
  },
});
