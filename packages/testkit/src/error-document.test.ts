import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DROP_REASONS } from '@semcast/wire';
import { beforeAll, describe, expect, it } from 'vitest';
import { collectErrorCodes, findDocumentProblems, type ErrorFacts } from './error-document.js';
import { readWorkspace, REPOSITORY_ROOT } from './repository.js';

const codesIn = (text: string, path = 'src/errors.ts') => [
  ...collectErrorCodes([{ folder: 'packages/x', sources: [{ path, text }] }]).keys(),
];

describe('the codes of a source', () => {
  it.each([
    [`super('E_A', message)`, ['E_A']],
    [`type T = 'E_A' | "E_B_2";`, ['E_A', 'E_B_2']],
    ['throw new X(`E_A: ${why}`)', ['E_A']],
    [`switch (code) { case 'E_A': case 'E_A': }`, ['E_A']],
    // No row can be called that: codes are written out.
    ['const code = `E_LINK_${why}`;', ['E_LINK_']],
    [`/** E_A: a comment, and 'E_B' in one */ // 'E_C'`, []],
    [`const size = 'SIZE_A'; const x = 'E_';`, []],
  ])('%s', (source, expected) => {
    expect(codesIn(source)).toEqual(expected);
  });

  it.each(['src/a.test.ts', 'test/helpers.ts', 'bench/a.ts'])('do not count in %s', (path) => {
    expect(codesIn(`'E_X'`, path)).toEqual([]);
  });

  it('are told with every file that names them', () => {
    const sources = ['src/a.ts', 'src/b.ts'].map((path) => ({ path, text: `'E_A'` }));
    expect(collectErrorCodes([{ folder: 'apps/x', sources }])).toEqual(
      new Map([['E_A', ['apps/x/src/a.ts', 'apps/x/src/b.ts']]]),
    );
  });
});

describe('the check catches', () => {
  const facts: ErrorFacts = {
    codes: new Map([
      ['E_A', ['packages/x/src/errors.ts']],
      ['E_B', ['packages/x/src/errors.ts', 'apps/y/src/app.ts']],
    ]),
    dropReasons: ['lost', 'late'],
  };
  const rowA = '| `E_A` | a | mend a, see `E_B` |';
  const rowB = '| `E_B` | b | mend b: `x \\| y` |';
  const page = ({ codes = [rowA, rowB], reasons = ['| `lost` | gone |', '| `late` | slow |'], text = '' } = {}) =>
    ['# Errors', '', '## Codes', '', '| code | what | do |', '|---|---|---|', ...codes, '', text, '']
      .concat(['## Drop reasons', '', '| reason | meaning |', '|---|---|', ...reasons, ''])
      .join('\n');
  const problemsOf = (parts: Parameters<typeof page>[0]) => findDocumentProblems(page(parts), facts);

  it('nothing on a true page', () => {
    expect(problemsOf({})).toEqual([]);
  });

  it('a code without a row, though it is mentioned', () => {
    expect(problemsOf({ codes: [rowA] })).toEqual([
      'code E_B has no row (packages/x/src/errors.ts, apps/y/src/app.ts)',
    ]);
  });

  it('a code that exists no more, in a row or in passing', () => {
    expect(problemsOf({ codes: [rowA, rowB, '| `E_C` | c | mend c |'] })).toEqual(['code E_C exists no more']);
    expect(problemsOf({ text: 'as `E_C` does' })).toEqual(['code E_C exists no more, and is mentioned']);
  });

  it('a code with two rows', () => {
    expect(problemsOf({ codes: [rowA, rowB, rowA] })).toEqual(['code E_A has 2 rows']);
  });

  it('a drop reason that is missing, made up, or told in another section', () => {
    expect(problemsOf({ reasons: ['| `lost` | gone |', '| `eaten` | by a dog |'] })).toEqual([
      'drop reason late has no row',
      'drop reason eaten exists no more',
    ]);
    expect(problemsOf({ codes: [rowA, rowB, '| `late` | x | y |'], reasons: ['| `lost` | gone |'] })).toEqual([
      'drop reason late has no row',
    ]);
  });

  it('a row that leaves something unsaid', () => {
    const problem = 'the row of E_B has an empty cell, or one too many or too few';
    expect(problemsOf({ codes: [rowA, '| `E_B` | b | |'] })).toEqual([problem]);
    expect(problemsOf({ codes: [rowA, '| `E_B` | b |'] })).toEqual([problem]);
    expect(problemsOf({ codes: [rowA, '| `E_B` | b | x | y |'] })).toEqual([problem]);
  });
});

describe('docs/errors.md', () => {
  let document: string;
  let facts: ErrorFacts;
  beforeAll(async () => {
    document = await readFile(join(REPOSITORY_ROOT, 'docs', 'errors.md'), 'utf8');
    facts = { codes: collectErrorCodes(await readWorkspace()), dropReasons: DROP_REASONS };
  });

  it('is held against codes from every kind of package', () => {
    expect(facts.codes.size).toBeGreaterThan(80);
    // One written in a constructor, one in a union of types, one passed by a function, one of an app.
    expect([...facts.codes.keys()]).toEqual(
      expect.arrayContaining(['E_TOKEN', 'E_IMAGE_SIZES', 'E_NOT_FOUND', 'E_RECEIVER_AWAY']),
    );
  });

  it('tells of every error code and every drop reason, once, and of no others', () => {
    expect(findDocumentProblems(document, facts)).toEqual([]);
  });
});
