import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'apps/*/src/**/*.test.ts',
      'apps/*/test/**/*.test.ts',
      'deploy/src/**/*.test.ts',
      'deploy/test/**/*.test.ts',
    ],
    // ONNX Runtime is a native addon: forked processes keep one crash from taking the run with it.
    pool: 'forks',
    // What is waited for comes at once, except on a machine whose cores are busy with something else.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
