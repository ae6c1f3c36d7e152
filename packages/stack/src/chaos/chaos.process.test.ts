import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProcesses, findProgram, REPOSITORY_ROOT, createProcessKeeper, waitFor } from '@semcast/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runChaos } from './run-chaos.js';
import { drawFaults, NETWORK_FAULTS, PROCESS_FAULTS } from './schedule.js';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 60_000 });

const nats = findProgram('nats-server', 'nats-server');
let dir = '';
const keeper = createProcessKeeper();
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'semcast-chaos-'));
});
afterAll(async () => {
  await keeper.killAll();
  await rm(dir, { recursive: true, force: true });
});

describe('a schedule of faults', () => {
  const options = { seed: 5, durationMs: 600_000, meanGapMs: 1000, processes: ['a', 'b'], hops: ['c'] };

  it('is a function of its seed, in order, and has every fault of every target', () => {
    const faults = drawFaults(options);
    expect(faults).toEqual(drawFaults(options));
    expect(faults).not.toEqual(drawFaults({ ...options, seed: 6 }));
    const times = faults.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(faults.map(({ kind, target }) => `${kind} ${target}`))).toEqual(
      new Set([
        ...PROCESS_FAULTS.flatMap((kind) => [`${kind} a`, `${kind} b`]),
        ...NETWORK_FAULTS.map((kind) => `${kind} c`),
      ]),
    );
    // Exponential gaps of 1 s: 600 faults in 600 s, with a standard deviation of √600.
    expect(Math.abs(faults.length - 600)).toBeLessThan(4 * Math.sqrt(600));
  });
});

describe('chaos', () => {
  it('costs no frame, doubles none, and changes no picture', async () => {
    const report = await runChaos({
      seed: 3,
      durationMs: 6000,
      meanGapMs: 500,
      nats,
      dir,
      say: () => {},
      signal: new AbortController().signal,
    });
    expect(report.violations).toEqual([]);
    expect(Object.keys(report.faults).length).toBeGreaterThan(3);
    expect(report.results).toBeGreaterThan(0);
  });

  it.skipIf(nats === undefined)('ends at Ctrl-C, and leaves no process', async () => {
    // The store of the queue is in there.
    const tmp = await mkdtemp(join(dir, 'tmp-'));
    const chaos = keeper.start({
      args: [join(REPOSITORY_ROOT, 'packages/stack/dist/chaos/main.js'), '--minutes', '1'],
      env: { TMPDIR: tmp },
    });
    await chaos.until('it starts the services', ({ stdout }) => stdout.includes('starting'));
    await waitFor('the first process', () => (findProcesses(tmp) ?? []).length > 0);
    chaos.kill('SIGINT');
    expect(await chaos.ended).toEqual({ code: 130, signal: null });
    expect(chaos.stdout).toContain('interrupted');
    expect(findProcesses(tmp)).toEqual([]);
  });
});
