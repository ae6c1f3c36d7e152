/**
 * Whether docs/errors.md tells of every error code and every drop reason, and of no others.
 * Pure: the files come from `repository.ts`.
 */
import { isTestSource, tokenise, type WorkspacePackage } from './import-rules.js';

/** What the sources say, which the document has to agree with. */
export interface ErrorFacts {
  /** Every error code, with the files that name it. */
  readonly codes: ReadonlyMap<string, readonly string[]>;
  readonly dropReasons: readonly string[];
}

/** Ends in an underscore where a source builds a code from pieces; no row can have that name, so the test finds it. */
const CODE = /\bE_[A-Z0-9_]+/g;
const DROP_SECTION = 'Drop reasons';

/** Every error code in the strings of shipped sources (what comments and tests name doesn't count). */
export function collectErrorCodes(
  packages: readonly Pick<WorkspacePackage, 'folder' | 'sources'>[],
): Map<string, string[]> {
  const codes = new Map<string, string[]>();
  for (const { folder, sources } of packages) {
    for (const { path, text } of sources) {
      if (!path.startsWith('src/') || isTestSource(path)) {
        continue;
      }
      const named = tokenise(text).strings.flatMap((string) => string.match(CODE) ?? []);
      for (const code of new Set(named)) {
        codes.set(code, [...(codes.get(code) ?? []), `${folder}/${path}`]);
      }
    }
  }
  return codes;
}

/** A row of a table: what stands in code type in its first cell, and all its cells. */
interface Row {
  readonly name: string;
  readonly section: string;
  readonly cells: readonly string[];
  /** Cells of the table's head. */
  readonly columns: number;
}

function cellsOf(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** The rows of a Markdown document whose first cell is one name in code type. */
function rowsOf(document: string): Row[] {
  const rows: Row[] = [];
  let section = '';
  let columns: number | undefined;
  for (const line of document.split('\n')) {
    section = /^## (.+)$/.exec(line)?.[1]?.trim() ?? section;
    if (!line.startsWith('|')) {
      columns = undefined;
      continue;
    }
    const cells = cellsOf(line);
    columns ??= cells.length;
    const name = /^`([^`]+)`$/.exec(cells[0]!)?.[1];
    if (name !== undefined) {
      rows.push({ name, section, cells, columns });
    }
  }
  return rows;
}

/** How the rows for these names differ from one row for each of them. */
function listProblems(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  const count = (name: string): number => found.filter((other) => other === name).length;
  return [
    ...wanted.filter((name) => count(name) === 0).map((name) => `${what} ${name} has no row`),
    ...[...new Set(found)].flatMap((name) => {
      if (!wanted.includes(name)) {
        return [`${what} ${name} exists no more`];
      }
      return count(name) === 1 ? [] : [`${what} ${name} has ${count(name)} rows`];
    }),
  ];
}

/** Every way in which the document and the sources disagree; none is a true document. */
export function findDocumentProblems(document: string, { codes, dropReasons }: ErrorFacts): string[] {
  const rows = rowsOf(document);
  const reasonRows = rows.filter(({ section }) => section === DROP_SECTION);
  const codeRows = rows.filter(({ name }) => name.startsWith('E_'));
  const listed = codeRows.map(({ name }) => name);
  const mentioned = [...new Set(document.match(CODE))].filter((code) => !listed.includes(code));
  return [
    ...listProblems('code', [...codes.keys()], listed).map((problem) => withFiles(problem, codes)),
    ...mentioned.filter((code) => !codes.has(code)).map((code) => `code ${code} exists no more, and is mentioned`),
    ...listProblems(
      'drop reason',
      dropReasons,
      reasonRows.map(({ name }) => name),
    ),
    ...[...codeRows, ...reasonRows]
      .filter(({ cells, columns }) => cells.length !== columns || cells.includes(''))
      .map(({ name }) => `the row of ${name} has an empty cell, or one too many or too few`),
  ];
}

/** Who names the code that is missing. */
function withFiles(problem: string, codes: ErrorFacts['codes']): string {
  const files = codes.get(problem.split(' ')[1]!);
  return problem.endsWith('has no row') && files !== undefined ? `${problem} (${files.join(', ')})` : problem;
}
