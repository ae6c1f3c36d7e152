import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bundleManifestSchema } from './manifest.js';

type Json = Record<string, unknown>;
const toy = (): Json =>
  JSON.parse(readFileSync(new URL('../fixtures/toy-bundle/bundle.json', import.meta.url), 'utf8')) as Json;

/** The complaints about a manifest that differs from a good one. */
function complaints(change: Json): string {
  const result = bundleManifestSchema.safeParse({ ...toy(), ...change });
  return result.success
    ? ''
    : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
}

describe('bundleManifestSchema', () => {
  it('takes a complete manifest, and one with optional graphs and weights', () => {
    expect(complaints({})).toBe('');
    const entry = { file: 'shared/weights.data', sha256: 'a'.repeat(64) };
    const graphs = { ...(toy()['graphs'] as Json), denoiser: entry, encoderVjp: entry, posteriorStep: entry };
    expect(complaints({ graphs, weights: [entry] })).toBe('');
  });

  it.each<[string, Json, RegExp]>([
    ['another format', { format: 2 }, /format: must be 1/],
    ['an unknown key', { sride: 8 }, /sride/],
    ['a missing decoder', { graphs: { encoder: { file: 'a', sha256: 'a'.repeat(64) } } }, /graphs\.decoder/],
    [
      'a path out of the folder',
      { weights: [{ file: '../../etc/passwd', sha256: 'a'.repeat(64) }] },
      /inside the bundle/,
    ],
    ['an absolute path', { weights: [{ file: '/etc/passwd', sha256: 'a'.repeat(64) }] }, /inside the bundle/],
    ['a hash that is none', { weights: [{ file: 'w', sha256: 'ABC' }] }, /SHA-256/],
    ['odd latent channels', { latentChannels: 47 }, /latentChannels/],
    ['a std of zero', { normalisation: { mean: [0, 0, 0], std: [0, 1, 1] } }, /normalisation\.std\.0/],
    ['no rate', { rates: [] }, /rates/],
    ['a rate that is no ratio', { rates: [{ cbr: 'fast', channels: 24 }] }, /"1\/24"/],
    ['a rate that its channels are not', { rates: [{ cbr: '1/8', channels: 24 }] }, /24 channels at stride 4 are 0.25/],
    ['more channels than there are', { rates: [{ cbr: '1/2', channels: 96 }] }, /more than the 48/],
    [
      'a rate listed twice',
      {
        rates: [
          { cbr: '1/4', channels: 24 },
          { cbr: '2/8', channels: 24 },
        ],
      },
      /twice/,
    ],
    [
      'moments of other symbols',
      { rates: [{ cbr: '1/4', channels: 24, moments: { mean: [0, 1], variance: [1] } }] },
      /must have 24 means and 12 variances/,
    ],
    ['an empty SNR range', { csnrDb: { min: 5, max: 0 } }, /minimum above/],
    [
      'an RMSE table of another shape',
      { rmse: { csnrDb: [0], cbr: ['1/4'], values: [[0.1, 0.2]] } },
      /1 rows .* of 1 values/,
    ],
    ['an RMSE axis that falls', { rmse: { csnrDb: [5, 0], cbr: ['1/4'], values: [[0.1], [0.2]] } }, /must rise/],
  ])('refuses %s', (_, change, pattern) => {
    expect(complaints(change)).toMatch(pattern);
  });
});
