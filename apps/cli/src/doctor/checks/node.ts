import { ok, problem, type Check, type CheckResult } from '../check.js';

/** The floor of package.json's `engines`. */
export const MINIMUM_NODE = [20, 9] as const;

/** Whether a version such as `v20.11.1` will do. */
export function checkNodeVersion(version: string): CheckResult {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const [wantedMajor, wantedMinor] = MINIMUM_NODE;
  const enough = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return enough
    ? ok(`${version} (${process.platform} ${process.arch})`)
    : problem(`${version} is too old`, `install Node ${MINIMUM_NODE.join('.')} or later: https://nodejs.org`);
}

export const node: Check = {
  name: 'node',
  title: 'Node.js',
  run: async () => checkNodeVersion(process.version),
};
