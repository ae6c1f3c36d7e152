import { findDefaultBundle, loadBundle, type Bundle } from '@semcast/bundle';
import { SemcastError, describeError } from '@semcast/core';
import { ok, problem, type Check, type CheckResult } from '../check.js';

/** A failure in the words of the package that found it. */
export function problemOf(error: unknown, remedy: string): CheckResult {
  return error instanceof SemcastError
    ? problem(error.message, error.remedy ?? remedy)
    : problem(describeError(error), remedy);
}

/** The bundle, or null when it can't be loaded: why is for the check `bundle` to tell, once. */
export async function loadableBundle(dir: string | undefined): Promise<Bundle | null> {
  try {
    return await loadBundle(dir ?? findDefaultBundle());
  } catch {
    return null;
  }
}

export const NO_BUNDLE = 'not tried without a sound model bundle';

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
