import { findDefaultBundle, loadBundle, type Bundle } from '@semcast/bundle';
import { SemcastError, describeError } from '@semcast/core';
import { ok, problem, skipped, type Check, type CheckOptions, type CheckResult } from '../check.js';

/** A failure with the message of the package that found it. */
export function problemOf(error: unknown, remedy: string): CheckResult {
  return error instanceof SemcastError
    ? problem(error.message, error.remedy ?? remedy)
    : problem(describeError(error), remedy);
}

/** A check of a bundle; skipped when it can't be loaded: why is for the check `bundle` to tell, once. */
export function withBundle(
  run: (bundle: Bundle, options: CheckOptions) => CheckResult | Promise<CheckResult>,
): Check['run'] {
  return async (options) => {
    const found = await loadBundle(options.bundle ?? findDefaultBundle()).catch(() => null);
    return found === null ? skipped('not tried without a sound model bundle') : await run(found, options);
  };
}

/** Is every file of the bundle there, and the one that it was made with? */
export const bundle: Check = {
  name: 'bundle',
  title: 'Model bundle',
  run: async ({ bundle: dir }) => {
    try {
      const { manifest, dir: found, digest } = await loadBundle(dir ?? findDefaultBundle());
      const rates = manifest.rates.map(({ cbr }) => cbr).join(', ');
      return ok(
        `${manifest.name} ${manifest.version} (${digest.slice(0, 12)}) in ${found}: ` +
          `CBR ${rates}, CSNR ${manifest.csnrDb.min} … ${manifest.csnrDb.max} dB`,
      );
    } catch (error) {
      return problemOf(error, 'restore the bundle’s folder');
    }
  },
};
