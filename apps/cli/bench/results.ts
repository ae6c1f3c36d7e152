/**
 * Runs the sweeps of docs/results anew, by the command that each page names, and writes their pages.
 *
 *     npm run docs:results -- DATA [PAGE…]
 *
 * DATA is a folder with what the commands name: KODAK and CID22 (photographs) and the metric bundles. Reports and
 * contact sheets stay there. Without PAGE (as in `distilled-kodak`) every page of one sweep is made, which takes hours.
 * `load.md` says its own command. After Ctrl-C the same line goes on where it ended; a report of another release or bundle has to be deleted first.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { REPOSITORY_ROOT } from '@semcast/testkit';

const PAGES = join(REPOSITORY_ROOT, 'docs/results');
const SEMCAST = join(REPOSITORY_ROOT, 'apps/cli/bin/semcast.js');

/** The arguments of the sweep whose Markdown a page is; undefined where it is made of several. */
async function sweepOf(name: string): Promise<readonly string[] | undefined> {
  const page = await readFile(join(PAGES, `${name}.md`), 'utf8');
  return page.startsWith('# Results of a sweep') ? /^semcast (sweep .*)$/m.exec(page)?.[1]?.split(' ') : undefined;
}

const { positionals } = parseArgs({ allowPositionals: true });
const [data, ...named] = positionals;
if (data === undefined) throw new Error('usage: npm run docs:results -- DATA [PAGE…]');
const folder = resolve(data);
const all = (await readdir(PAGES)).map((name) => basename(name, '.md'));
for (const name of named.length > 0 ? named : all.toSorted()) {
  const sweep = await sweepOf(name);
  if (sweep === undefined) {
    console.log(`${name}: not the page of one sweep, left as it is`);
    continue;
  }
  console.log(`${name}: semcast ${sweep.join(' ')}`);
  const child = spawn(process.execPath, [SEMCAST, ...sweep, '--resume'], { cwd: folder, stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${name}: the sweep ended with ${code}`);
  await copyFile(join(folder, sweep[sweep.indexOf('--markdown') + 1] ?? ''), join(PAGES, `${name}.md`));
}
