/** The oldest Node that is promised, said in several places and kept by what is installed. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { MINIMUM_NODE } from '../src/doctor/checks/node.js';

const read = async (path: string): Promise<string> =>
  await readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

const FLOOR = MINIMUM_NODE.join('.');
/** What only a contributor runs (`npm run lint`), on a newer Node 20. */
const CONTRIBUTORS_TOOLS = /^@?(oxlint|oxfmt)\b/;

type Version = readonly number[];

function isAtLeast(version: Version, other: Version): boolean {
  const differing = [0, 1, 2].find((i) => (version[i] ?? 0) !== (other[i] ?? 0));
  return differing === undefined || (version[differing] ?? 0) > (other[differing] ?? 0);
}

/** Whether a range such as `^20.19.0 || >=22.12.0` has the version in it. @throws Error for a form that it doesn't know */
function admits(range: string, version: Version): boolean {
  return range.split('||').some((part) => {
    const form = /^(>=|\^)? *(\d+(?:\.\d+){0,2})(?:\.[x*])*$/.exec(part.trim());
    if (form === null) {
      throw new Error(`this test doesn't know the range "${range}"`);
    }
    const from = form[2]!.split('.').map(Number);
    return isAtLeast(version, from) && (form[1] === '>=' || from[0] === version[0]);
  });
}

describe('the oldest Node', () => {
  it('is the same wherever it is said', async () => {
    const { engines } = JSON.parse(await read('package.json')) as { engines: { node: string } };
    expect(engines.node).toBe(`>=${FLOOR}`);
    expect(await read('README.md')).toContain(`You need Node.js ${FLOOR} or later`);
    const image = /NODE_IMAGE=node:([\d.]+)/.exec(await read('deploy/docker/Dockerfile'))![1]!;
    expect(isAtLeast(image.split('.').map(Number), MINIMUM_NODE)).toBe(true);
    // Types of a newer one would let in what isn't there.
    expect(await read('pnpm-workspace.yaml')).toMatch(new RegExp(`'@types/node': \\^${MINIMUM_NODE[0]}\\.`));
  });

  it('is enough for every package that is installed', async () => {
    const lock = await read('pnpm-lock.yaml');
    const packages = [
      ...lock.matchAll(/^ {2}'?(@?[^\s@']+@[^\s']+)'?:\n(?: {4}.*\n)*? {4}engines: \{node: '?([^'},]+)/gm),
    ];
    expect(packages.length).toBeGreaterThan(100);
    const refused = packages.filter(
      ([, name, range]) => !CONTRIBUTORS_TOOLS.test(name!) && !admits(range!, MINIMUM_NODE),
    );
    expect(refused.map(([, name, range]) => `${name} wants Node ${range}`)).toEqual([]);
  });
});
