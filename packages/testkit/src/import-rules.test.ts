import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  findCycle,
  findViolations,
  IMPORT_RULES,
  importsOf,
  isTestSource,
  type WorkspacePackage,
} from './import-rules.js';
import { readWorkspace, REPOSITORY_ROOT } from './repository.js';

function packageOf(folder: string, source: string, more: Partial<WorkspacePackage> = {}): WorkspacePackage {
  return {
    folder,
    name: `@semcast/${folder.split('/')[1]!}`,
    dependencies: [],
    devDependencies: [],
    sources: [{ path: 'src/index.ts', text: source }],
    ...more,
  };
}

const core = packageOf('packages/core', '');

describe('what a source imports', () => {
  it.each([
    [`import { a } from 'x';`, ['x']],
    [`import type { A } from "x";`, ['x']],
    [`import a, { b as c } from 'x'`, ['x']],
    [`import * as all from '@s/x/deep';`, ['@s/x/deep']],
    [`import {\n  a,\n  type B,\n} from 'x';`, ['x']],
    [`import 'effect';`, ['effect']],
    [`export * from 'x';`, ['x']],
    [`export { a } from './a.js';`, ['./a.js']],
    [`export type { A } from './a.js';`, ['./a.js']],
    [`const x = await import('x');`, ['x']],
    [`const x = require('x');`, ['x']],
    [`import.meta.resolve('x')`, ['x']],
    [`// import { a } from 'x';`, []],
    [`/** import 'x' */ const y = 1;`, []],
    [`const url = 'https://x.y'; import { a } from 'x';`, ['x']],
    [`const a = 1; import 'x';import 'y'`, ['x', 'y']],
    [`export const a = 'x';`, []],
    [`const from = 'x';`, []],
    [`type T = import('x').Y;`, ['x']],
  ])('%j', (source, expected) => {
    expect(importsOf(source)).toEqual(expected);
  });

  it('is not fooled by strings that look like comments or like imports', () => {
    expect(importsOf(`const a = '/* //x'; import 'y'; // */`)).toEqual(['y']);
    expect(importsOf("const a = \"import 'x'\"; const b = `import 'x';`;")).toEqual([]);
    expect(importsOf(`const a = 'it\\'s'; import 'y';`)).toEqual(['y']);
  });

  it('tells test code by its place', () => {
    expect(isTestSource('src/a.test.ts')).toBe(true);
    expect(isTestSource('test/helper.ts')).toBe(true);
    expect(isTestSource('bench/a.ts')).toBe(true);
    expect(isTestSource('src/test.ts')).toBe(false);
    expect(isTestSource('src/latest.ts')).toBe(false);
  });
});

describe('the rules catch', () => {
  const problemsOf = (...packages: WorkspacePackage[]) =>
    findViolations([core, ...packages]).map(({ file, problem }) => `${file} ${problem}`);

  it('nothing in a package that keeps to them', () => {
    expect(
      problemsOf(
        packageOf('packages/phy', `import { ArgumentError } from '@semcast/core';`, {
          dependencies: ['@semcast/core'],
        }),
      ),
    ).toEqual([]);
  });

  it('an import that the table forbids, in the manifest and in the source', () => {
    const wire = packageOf('packages/wire', '');
    const phy = packageOf('packages/phy', `import { decodeFrame } from '@semcast/wire';`, {
      dependencies: ['@semcast/wire'],
    });
    expect(problemsOf(wire, phy)).toEqual([
      'packages/phy/package.json depends on @semcast/wire: packages/phy may not import packages/wire',
      'packages/phy/src/index.ts imports @semcast/wire: packages/phy may not import packages/wire',
    ]);
  });

  it('an app that imports an app', () => {
    const channel = packageOf('apps/channel', '');
    const receiver = packageOf('apps/receiver', `export * from '@semcast/channel';`, {
      dependencies: ['@semcast/channel'],
    });
    expect(problemsOf(channel, receiver)).toHaveLength(2);
  });

  it.each(['import', 'await import(', 'require('])('ONNX Runtime outside packages/bundle (%s)', (form) => {
    const source = form.endsWith('(') ? `${form}'onnxruntime-node')` : `import 'onnxruntime-node'`;
    expect(problemsOf(packageOf('apps/receiver', source, { dependencies: ['onnxruntime-node'] })).join('\n')).toContain(
      'apps/receiver/src/index.ts imports onnxruntime-node: only packages/bundle may import it',
    );
    expect(problemsOf(packageOf('packages/bundle', source, { dependencies: ['onnxruntime-node'] }))).toEqual([]);
  });

  it.each(['node:fs', 'node:net', 'node:worker_threads'])('%s in a pure package', (specifier) => {
    expect(problemsOf(packageOf('packages/quality', `import '${specifier}';`))).toEqual([
      `packages/quality/src/index.ts imports ${specifier}, but packages/quality is pure`,
    ]);
  });

  it('a logger in a pure package', () => {
    expect(problemsOf(packageOf('packages/phy', `import 'pino';`, { dependencies: ['pino'] }))).toHaveLength(2);
  });

  it('what a package.json does not list', () => {
    expect(problemsOf(packageOf('packages/service', `import 'pino';`))).toEqual([
      "packages/service/src/index.ts imports pino, which its package.json doesn't list",
    ]);
  });

  it('a way around the entry of a package', () => {
    const dependencies = ['@semcast/core'];
    expect(
      problemsOf(packageOf('packages/phy', `import '@semcast/core/dist/units.js';`, { dependencies })),
    ).toHaveLength(1);
    expect(problemsOf(packageOf('packages/phy', `import '../../core/src/units.js';`, { dependencies }))).toHaveLength(
      1,
    );
    expect(problemsOf(packageOf('packages/phy', `import '/tmp/units.js';`, { dependencies }))).toHaveLength(1);
    expect(
      problemsOf(
        packageOf('packages/phy', '', {
          dependencies,
          sources: [{ path: 'src/models/a.ts', text: `import '../units.js'; import '../../package.json'` }],
        }),
      ),
    ).toEqual([]);
  });

  it('test tools in shipped code, and lets tests have them', () => {
    expect(problemsOf(packageOf('packages/phy', `import 'vitest';`))).toHaveLength(1);
    const sources = [{ path: 'src/a.test.ts', text: `import 'vitest'; import 'node:fs'; import 'fast-check';` }];
    expect(problemsOf(packageOf('packages/phy', '', { sources }))).toEqual([]);
  });

  it('a folder without a line in the table', () => {
    expect(problemsOf(packageOf('packages/utils', ''))).toHaveLength(1);
  });

  it('a cycle', () => {
    const one = (name: string, dependencies: string[], devDependencies: string[] = []) => ({
      name,
      dependencies,
      devDependencies,
    });
    expect(findCycle([one('a', ['b']), one('b', ['c', 'x']), one('c', ['b'])])).toEqual(['b', 'c', 'b']);
    expect(findCycle([one('a', ['b']), one('b', [], ['a'])])).toEqual(['a', 'b', 'a']);
    expect(findCycle([one('a', ['b']), one('b', [])])).toBeNull();
  });
});

describe('this workspace', () => {
  let packages: WorkspacePackage[];
  beforeAll(async () => {
    packages = await readWorkspace();
  });

  it('was found, with its sources', () => {
    expect(packages.length).toBeGreaterThanOrEqual(12);
    for (const { folder, sources } of packages) {
      expect(sources.length, folder).toBeGreaterThan(0);
    }
  });

  it('keeps to the table of who may import whom', () => {
    expect(findViolations(packages)).toEqual([]);
  });

  it('has no cycle of dependencies', () => {
    expect(findCycle(packages)).toBeNull();
  });

  it('builds each package after those that it imports', async () => {
    for (const { folder, dependencies } of packages) {
      const file = join(REPOSITORY_ROOT, folder, 'tsconfig.json');
      if (!existsSync(file)) {
        continue;
      }
      const { references = [] } = JSON.parse(await readFile(file, 'utf8')) as { references?: { path: string }[] };
      const referenced = references.map(({ path }) => join(folder, path)).sort();
      const imported = packages.filter(({ name }) => dependencies.includes(name)).map((other) => other.folder);
      expect(referenced, `references of ${folder}/tsconfig.json`).toEqual(imported.sort());
    }
  });

  it('has no line in the table for a folder that a later version will have under another name', () => {
    const known = new Set(['apps/console', ...packages.map(({ folder }) => folder)]);
    expect(Object.keys(IMPORT_RULES).filter((folder) => !known.has(folder))).toEqual([]);
  });
});

it('docs/architecture.md has the same table', async () => {
  const document = await readFile(join(REPOSITORY_ROOT, 'docs/architecture.md'), 'utf8');
  const told = [...document.matchAll(/^\| `((?:packages|apps)\/[a-z-]+|deploy)` \|.*?(\(pure\) )?\| (.*) \|$/gm)].map(
    ([, folder, pure, folders = '']) => [
      folder,
      pure !== undefined,
      folders === 'nothing'
        ? []
        : folders.split(', ').map((name) => name.replaceAll('`', '').replace(/^(?!.*\/)/, 'packages/')),
    ],
  );
  expect(told).toEqual(
    Object.entries(IMPORT_RULES).map(([folder, { pure = false, folders }]) => [folder, pure, folders]),
  );
});
