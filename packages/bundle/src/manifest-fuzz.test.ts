/**
 * Manifests that are nearly right: those of the repository, with values replaced, keys taken out and doubled.
 *
 * `SEMCAST_FUZZ_RUNS=1000000` in the environment tries more of them.
 */
import { readFileSync } from 'node:fs';
import { randomFor, type RandomSource } from '@semcast/core';
import { expect, it } from 'vitest';
import { bundleManifestSchema } from './manifest.js';

const RUNS = Number(process.env['SEMCAST_FUZZ_RUNS'] ?? 10_000);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const corpus = ['toy-bundle', 'posterior-bundle'].map(
  (name) => JSON.parse(readFileSync(new URL(`../fixtures/${name}/bundle.json`, import.meta.url), 'utf8')) as Json,
);
const HOSTILE: readonly Json[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  -1e308,
  2 ** 53,
  '',
  '../x',
  '/etc/passwd',
  'a/../b',
  'a\\b',
  'a\0b',
  '.hidden',
  'x'.repeat(5000),
  'f'.repeat(64),
  '1/0',
  '0/24',
  '1/24',
  '__proto__',
  [],
  {},
  [[[[[]]]]],
  { file: '..', sha256: '' },
];
const KEYS = ['file', 'sha256', 'weights', 'cpu', 'int8', 'constructor', 'extra'];

/** A copy with something changed somewhere. */
function mutate(value: Json, random: RandomSource): Json {
  const below = (count: number): number => Math.floor(count * random.uniform());
  if (typeof value !== 'object' || value === null || random.uniform() < 0.1) {
    return structuredClone(HOSTILE[below(HOSTILE.length)]!);
  }
  const changed = structuredClone(value);
  const keys = Object.keys(changed);
  const key = keys[below(keys.length)] ?? '0';
  const parts = changed as Record<string, Json>;
  const way = random.uniform();
  if (way < 0.7) {
    parts[key] = mutate(parts[key] ?? null, random);
  } else if (Array.isArray(changed)) {
    changed.splice(below(changed.length + 1), below(2), ...changed.slice(0, below(3)));
  } else if (way < 0.85) {
    delete parts[key];
  } else {
    parts[KEYS[below(KEYS.length)]!] = parts[key] ?? null;
  }
  return changed;
}

it(
  `${RUNS} manifests that are nearly right are refused, or name files of their folder only`,
  { timeout: 3_600_000 },
  () => {
    const random = randomFor({ seed: 1, stream: 'fuzz', frame: 0, purpose: 'manifests' });
    let valid = 0;
    for (let run = 0; run < RUNS; run++) {
      let manifest: Json = corpus[run % corpus.length] ?? null;
      for (let changes = 1 + Math.floor(2 * random.uniform()); changes > 0; changes--) {
        manifest = mutate(manifest, random);
      }
      const result = bundleManifestSchema.safeParse(manifest);
      if (!result.success) {
        continue;
      }
      valid++;
      const { graphs, weights = [], parity, rates, stride } = result.data;
      const files = Object.values(graphs).flatMap((graph) => (graph ? [graph, graph.cpu, graph.int8] : []));
      for (const entry of [...files, ...weights, parity]) {
        if (entry !== undefined && !/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(entry.file)) {
          throw new Error(`run ${run}: ${entry.file}`);
        }
      }
      // What is computed with is in range.
      expect(rates.every(({ channels }) => channels <= result.data.latentChannels) && stride >= 1).toBe(true);
    }
    process.stdout.write(`${JSON.stringify({ runs: RUNS, valid })}\n`);
    expect(valid).toBeGreaterThan(0);
    expect(valid).toBeLessThan(RUNS);
  },
);
