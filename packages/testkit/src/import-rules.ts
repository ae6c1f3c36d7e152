/**
 * Who may import whom: the table of docs/architecture.md, as data, and what it takes to check sources against it.
 * Pure: the files come from `repository.ts`.
 */

/** What a folder under `packages/` or `apps/`, or `deploy/`, may import. */
export interface FolderRule {
  /** Folders whose packages it may import, as in `packages/core`; a star stands for all of `packages/` or `apps/`. */
  readonly folders: readonly string[];
  /** A pure package computes: it touches no socket, file, process, thread, clock of the system, logger or network. */
  readonly pure?: boolean;
}

/** The table "Packages" of docs/architecture.md. A new folder needs a line in both. */
export const IMPORT_RULES: Readonly<Record<string, FolderRule>> = {
  'packages/core': { folders: [], pure: true },
  'packages/wire': { folders: ['packages/core'] },
  'packages/phy': { folders: ['packages/core'], pure: true },
  'packages/channel-models': { folders: ['packages/core'], pure: true },
  'packages/channel-coding': { folders: ['packages/core'], pure: true },
  'packages/bundle': { folders: ['packages/core'] },
  'packages/posterior': { folders: ['packages/core', 'packages/phy'], pure: true },
  'packages/scheduler': { folders: ['packages/core'], pure: true },
  'packages/quality': { folders: ['packages/core'], pure: true },
  'packages/config': { folders: ['packages/core'] },
  'packages/service': { folders: ['packages/config', 'packages/core', 'packages/quality'] },
  'packages/images': { folders: ['packages/core'] },
  'packages/frame-queue': { folders: ['packages/core', 'packages/service', 'packages/wire'] },
  'packages/report': { folders: ['packages/quality'] },
  'packages/digital': {
    folders: ['packages/channel-coding', 'packages/core', 'packages/images', 'packages/phy', 'packages/wire'],
  },
  'packages/console-messages': { folders: ['packages/core', 'packages/quality'], pure: true },
  'packages/console-server': {
    folders: [
      'packages/config',
      'packages/console-messages',
      'packages/core',
      'packages/images',
      'packages/quality',
      'packages/service',
    ],
  },
  'packages/testkit': { folders: ['packages/console-messages', 'packages/core', 'packages/service'] },
  'packages/stack': { folders: ['packages/*', 'apps/*'] },
  'apps/transmitter': { folders: ['packages/*'] },
  'apps/channel': { folders: ['packages/*'] },
  'apps/receiver': { folders: ['packages/*'] },
  'apps/console': { folders: ['packages/console-messages', 'packages/quality'] },
  'apps/cli': { folders: ['packages/*', 'apps/*'] },
  deploy: { folders: ['packages/bundle', 'packages/frame-queue', 'packages/quality', 'packages/service'] },
};

/** Packages from npm that only one folder may import: a boundary that keeps a dependency replaceable. */
export const SOLE_IMPORTERS: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['packages/bundle'],
  'onnxruntime-common': ['packages/bundle'],
  'prom-client': ['packages/service'],
  '@nats-io/transport-node': ['packages/frame-queue'],
  '@nats-io/jetstream': ['packages/frame-queue'],
  '@nats-io/obj': ['packages/frame-queue'],
  msgpackr: ['packages/wire'],
  '@fastify/swagger': ['packages/service'],
  '@observablehq/plot': ['packages/report'],
  pdfkit: ['packages/report'],
};

/** What a pure package may import from npm: no sockets, files, loggers or runtimes among them. */
export const PURE_DEPENDENCIES: readonly string[] = ['zod', 'ml-matrix', 'fft.js'];

/** Test code alone may use these. */
const TEST_TOOLS: ReadonlySet<string> = new Set(['vitest', 'fast-check', 'ssim.js', 'tsx']);

/** A package of the workspace, as far as the rules look at it. */
export interface WorkspacePackage {
  /** `packages/core` */
  readonly folder: string;
  /** `@semcast/core` */
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly sources: readonly SourceFile[];
}

export interface SourceFile {
  /** Relative to the package's folder, `src/index.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  /** `packages/core/src/index.ts`, or a package.json. */
  readonly file: string;
  readonly problem: string;
}

/** Tests, benchmarks and configurations of tools: they may lean on more than what is shipped. */
export function isTestSource(path: string): boolean {
  return path.endsWith('.test.ts') || /^(test|bench)\//.test(path) || /(^|\/)vite[a-z]*\.config\.[cm]?ts$/.test(path);
}

// Strings and templates first, so that a "//" within one begins no comment. (\x60 is the backtick.)
const STRING_OR_COMMENT =
  /(?<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\x60(?:[^\x60\\]|\\[\s\S])*\x60)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** Code with comments taken out and strings numbered: neither prose nor test data can look like an import. */
export function tokenise(source: string): { readonly code: string; readonly strings: readonly string[] } {
  const strings: string[] = [];
  const code = source.replaceAll(STRING_OR_COMMENT, (match, text: string | undefined) => {
    if (text === undefined) {
      return match.replaceAll(/[^\n]/g, ' ');
    }
    strings.push(text.slice(1, -1));
    return `'${strings.length - 1}'`;
  });
  return { code, strings };
}

const STATIC_IMPORT = /(?:^|[;}\s])(?:import|export)\b(?:[\s\w*{},$]*?\bfrom)?\s*'(\d+)'/g;
const CALLED_IMPORT = /\b(?:import|require|require\.resolve|import\.meta\.resolve)\s*\(\s*'(\d+)'/g;

/** What a source imports: static imports, re-exports, types, `import()`, `require()`. */
export function importsOf(source: string): string[] {
  const { code, strings } = tokenise(source);
  const found = new Set<string>();
  for (const pattern of [STATIC_IMPORT, CALLED_IMPORT]) {
    for (const match of code.matchAll(pattern)) {
      found.add(strings[Number(match[1])]!);
    }
  }
  return [...found];
}

/** `@scope/name/sub` → `@scope/name`, `name/sub` → `name`. */
function packageNameOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function allows(rule: FolderRule, folder: string): boolean {
  const root = folder.slice(0, folder.indexOf('/'));
  return rule.folders.includes(folder) || rule.folders.includes(`${root}/*`);
}

/** Every way in which the packages break the rules; none is a sound workspace. */
export function findViolations(
  packages: readonly WorkspacePackage[],
  rules: Readonly<Record<string, FolderRule>> = IMPORT_RULES,
): Violation[] {
  const folderOf = new Map(packages.map(({ name, folder }) => [name, folder]));
  return packages.flatMap((workspacePackage) => {
    const { folder } = workspacePackage;
    const rule = rules[folder];
    if (rule === undefined) {
      return [{ file: `${folder}/package.json`, problem: 'has no line in IMPORT_RULES and docs/architecture.md' }];
    }
    return [
      ...manifestViolations(workspacePackage, rule, folderOf),
      ...workspacePackage.sources.flatMap((source) => sourceViolations(workspacePackage, source, rule, folderOf)),
    ];
  });
}

function manifestViolations(
  { folder, dependencies }: WorkspacePackage,
  rule: FolderRule,
  folderOf: ReadonlyMap<string, string>,
): Violation[] {
  const file = `${folder}/package.json`;
  return dependencies.flatMap((name) =>
    dependencyProblems(folder, name, rule, folderOf).map((problem) => ({
      file,
      problem: `depends on ${name}: ${problem}`,
    })),
  );
}

/** Why a folder may not depend on a package; empty when it may. */
function dependencyProblems(
  folder: string,
  name: string,
  rule: FolderRule,
  folderOf: ReadonlyMap<string, string>,
): string[] {
  const target = folderOf.get(name);
  if (target !== undefined) {
    return allows(rule, target) ? [] : [`${folder} may not import ${target}`];
  }
  const importers = SOLE_IMPORTERS[name];
  if (importers !== undefined && !importers.includes(folder)) {
    return [`only ${importers.join(', ')} may import it`];
  }
  if (rule.pure === true && !PURE_DEPENDENCIES.includes(name)) {
    return [`${folder} is pure; from npm it may import ${PURE_DEPENDENCIES.join(', ')}`];
  }
  return [];
}

function sourceViolations(
  { folder, name: ownName, dependencies, devDependencies }: WorkspacePackage,
  { path, text }: SourceFile,
  rule: FolderRule,
  folderOf: ReadonlyMap<string, string>,
): Violation[] {
  const file = `${folder}/${path}`;
  const test = isTestSource(path);
  const violations: Violation[] = [];
  const complain = (problem: string): void => {
    violations.push({ file, problem });
  };
  for (const specifier of importsOf(text)) {
    if (specifier.startsWith('.')) {
      if (leavesPackage(path, specifier)) {
        complain(`imports ${specifier}, which is outside its package; import the package by its name`);
      }
      continue;
    }
    if (specifier.startsWith('/') || specifier.startsWith('file:')) {
      complain(`imports ${specifier} by an absolute path`);
      continue;
    }
    if (specifier.startsWith('node:')) {
      if (rule.pure === true && !test) {
        complain(`imports ${specifier}, but ${folder} is pure`);
      }
      continue;
    }
    const name = packageNameOf(specifier);
    if (name === ownName && !test) {
      complain(`imports ${specifier}, which is its own package; import the file`);
      continue;
    }
    if (name.startsWith('@semcast/') && specifier !== name) {
      complain(`imports ${specifier}: what lies below a package's entry is private`);
      continue;
    }
    if (test && (TEST_TOOLS.has(name) || name === ownName)) {
      continue;
    }
    if (!dependencies.includes(name) && !(test && devDependencies.includes(name))) {
      complain(`imports ${name}, which its package.json doesn't list`);
      continue;
    }
    if (!test) {
      violations.push(
        ...dependencyProblems(folder, name, rule, folderOf).map((problem) => ({
          file,
          problem: `imports ${name}: ${problem}`,
        })),
      );
    }
  }
  return violations;
}

/** Whether a relative import from `path` climbs out of the package's folder. */
function leavesPackage(path: string, specifier: string): boolean {
  let depth = path.split('/').length - 1;
  for (const part of specifier.split('/')) {
    if (part === '..') {
      depth--;
      if (depth < 0) {
        return true;
      }
    } else if (part !== '.') {
      depth++;
    }
  }
  return false;
}

/**
 * A cycle of dependencies between packages, those of their tests included (pnpm warns of both), as names from the first
 * back to the first; null when there is none.
 */
export function findCycle(
  packages: readonly Pick<WorkspacePackage, 'name' | 'dependencies' | 'devDependencies'>[],
): string[] | null {
  const byName = new Map(packages.map((workspacePackage) => [workspacePackage.name, workspacePackage]));
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): string[] | null => {
    const start = trail.indexOf(name);
    if (start !== -1) {
      return [...trail.slice(start), name];
    }
    if (done.has(name)) {
      return null;
    }
    const { dependencies = [], devDependencies = [] } = byName.get(name) ?? {};
    for (const dependency of [...dependencies, ...devDependencies]) {
      const cycle = byName.has(dependency) ? visit(dependency, [...trail, name]) : null;
      if (cycle !== null) {
        return cycle;
      }
    }
    done.add(name);
    return null;
  };
  for (const { name } of packages) {
    const cycle = visit(name, []);
    if (cycle !== null) {
      return cycle;
    }
  }
  return null;
}
