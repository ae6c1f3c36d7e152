import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Set by `.ci/run`, which installs these programs: a test that would be skipped because one is missing fails instead.
 */
export const REQUIRE_TOOLS = 'SEMCAST_REQUIRE_TOOLS';

/**
 * Where a program from outside npm is, for tests that need it: `describe.skipIf(promtool === undefined)`. When it isn't
 * installed, says so, because a skipped test is easily overlooked.
 *
 * @param debianPackage what brings it
 * @throws Error when it isn't installed and `SEMCAST_REQUIRE_TOOLS` is set
 */
export function findProgram(
  name: string,
  debianPackage: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  // What an administrator runs isn't on everybody's path.
  const folders = [...(env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'].filter((folder) => folder !== '');
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) {
    const message = `${name} isn't installed (Debian's package ${debianPackage} has it)`;
    if ((env[REQUIRE_TOOLS] ?? '') !== '') {
      throw new Error(`${message}, and ${REQUIRE_TOOLS} is set`);
    }
    process.stderr.write(`tests are skipped: ${message}\n`);
  }
  return found;
}
