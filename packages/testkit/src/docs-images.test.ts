import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8'));

describe('the pictures of the console in the documentation', () => {
  it('are of the bundle that comes with semcast', ({ skip }) => {
    const { bundle } = read('docs/images/console.json') as { bundle: { name: string; version: string } };
    const { name, version } = read('models/natural/bundle.json') as { name: string; version: string };
    // A newer bundle is no fault of the code: the test says so, and what to do.
    skip(
      version !== bundle.version,
      `they are of ${bundle.name} ${bundle.version}, not of ${name} ${version}: npm run docs:images`,
    );
    expect(bundle).toEqual({ name, version });
  });
});
