import { spawnSync } from 'node:child_process';
import { findProgram } from '@semcast/testkit';

export const promtool = findProgram('promtool', 'prometheus');

export interface PromtoolResult {
  readonly status: number | null;
  /** Everything it wrote. */
  readonly output: string;
}

/** Run promtool to its end. */
export function runPromtool(args: readonly string[], input = ''): PromtoolResult {
  const { status, stdout, stderr, error } = spawnSync(promtool!, args, { input, encoding: 'utf8' });
  if (error !== undefined) {
    throw error;
  }
  return { status, output: stdout + stderr };
}
