import { copyFile, cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStack, type Stack } from '@semcast/stack';
import { REPOSITORY_ROOT } from '@semcast/testkit';
import { DEMO_PHOTOS } from '@semcast/transmitter';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseArguments } from '../src/arguments/parse.js';
import { runCli } from '../src/cli.js';
import type { CommandEntry } from '../src/command.js';
import { commands } from '../src/registry.js';
import { freePortBase, useWorkspace } from './helpers.js';

const workspace = useWorkspace();
const entries: Readonly<Record<string, CommandEntry>> = commands;
const FIXTURES = fileURLToPath(new URL('../../../packages/bundle/fixtures/', import.meta.url));
const TOY_TRIO = join(FIXTURES, 'posterior-bundle');

/** A line of a document that somebody types into a shell. */
interface Line {
  readonly where: string;
  readonly text: string;
}

/** Words of a line without its remark, its pipe and the `&` behind it. */
function wordsOf(text: string): string[] {
  const words = text.match(/'[^']*'|"[^"]*"|\S+/g) ?? [];
  const end = words.findIndex((word) => word === '|' || word === '&' || word.startsWith('#'));
  return words.slice(0, end === -1 ? undefined : end).map((word) => word.replaceAll(/^['"]|['"]$/g, ''));
}

/** The arguments of semcast in a line; undefined for a line that runs something else. */
function semcastArguments(text: string): string[] | undefined {
  const words = wordsOf(text);
  const [first, second] = words;
  return first === 'semcast' ? words.slice(1) : first === 'npx' && second === 'semcast' ? words.slice(2) : undefined;
}

/** Lines of shell blocks, continued ones joined, and what running text puts in backticks with a flag. */
function linesOf(where: string, document: string): Line[] {
  const blocks = [...document.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) =>
    block!.replaceAll(/\\\n\s*/g, '').split('\n'),
  );
  const inline = [...document.matchAll(/`((?:npx )?semcast [a-z]+ [^`]*--[^`]*)`/g)].map(([, text]) => text!);
  return [...blocks, ...inline]
    .map((text) => text.trim())
    .filter((text) => text !== '' && !text.startsWith('#') && !text.startsWith('--phase'))
    .map((text) => ({ where, text }));
}

async function documents(): Promise<string[]> {
  const inDocs = await readdir(join(REPOSITORY_ROOT, 'docs'), { recursive: true });
  return [
    'README.md',
    'deploy/README.md',
    'models/natural/MODEL_CARD.md',
    'models/training/README.md',
    ...inDocs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
  ];
}

const read = async (name: string): Promise<string> => await readFile(join(REPOSITORY_ROOT, name), 'utf8');

async function documentLines(): Promise<Line[]> {
  const found = await Promise.all((await documents()).map(async (name) => linesOf(name, await read(name))));
  return found.flat();
}

async function helpLines(): Promise<Line[]> {
  const found = await Promise.all(
    Object.entries(entries).map(async ([name, entry]) =>
      (await entry.load()).help.examples.map(({ line }) => ({ where: `semcast ${name} --help`, text: line })),
    ),
  );
  return found.flat();
}

/** What stands for a number in a document. */
const PLACEHOLDERS: Readonly<Record<string, string>> = { TWICE: '4', N: '1' };

/** How an example is run: with small photographs, a toy bundle, and other ports than the ones that it names. */
interface Run {
  /** Added to the line: an address, a port, a shorter time. */
  readonly more?: () => readonly string[];
  /** Of the line's words, these become others. */
  readonly replace?: () => Readonly<Record<string, string>>;
  /** It runs until it is ended, which happens when this is on its output. */
  readonly until?: RegExp;
}

let stack: Stack;
let base = 0;
const ports = (): string[] => ['--port-base', String(base)];
const ANY_PORT = ['--port', '0'] as const;
const toChannel = (): string[] => ['--to', stack.channel.wsUrl];
const addresses = (): Record<string, string> => ({
  'ws://127.0.0.1:7401': stack.channel.wsUrl,
  'ws://127.0.0.1:7402': stack.receiver.wsUrl,
});
const CAME_BACK = /\d+×\d+ .*1\/\d+/;

const RUNS: Readonly<Record<string, Run>> = {
  'semcast up': { more: () => [...ports(), '--size', '64'], until: CAME_BACK },
  'semcast up --once --snr 3 --cbr 1/48': { more: () => [...ports(), '--size', '64'] },
  'semcast up --images ~/Pictures --size 256 --channel rayleigh-fast': { more: ports, until: CAME_BACK },
  'semcast transmitter --to ws://127.0.0.1:7401 --fps 2': {
    more: () => [...ANY_PORT, '--frames', '1', '--size', '64'],
    replace: addresses,
  },
  'semcast transmitter --source holiday --no-loop --journal tx.jsonl --output-dir received': {
    more: () => [...toChannel(), ...ANY_PORT],
  },
  'semcast channel --channel.snr.snr-db 5': { more: () => ANY_PORT, until: /channel listens/ },
  'semcast channel --channel.model.name rician-block --channel.model.k-factor-db 10': {
    more: () => ANY_PORT,
    until: /channel listens/,
  },
  'semcast channel --channel.preset vehicular --channel.model.max-doppler-hz 100 --channel.impairments cfo adc': {
    more: () => ANY_PORT,
    until: /channel listens/,
  },
  'semcast receiver --port 7402 --workers 2': { replace: () => ({ '7402': '0' }), until: /receiver listens/ },
  'semcast receiver --print-config': {},
  'semcast send photo.jpg --to ws://127.0.0.1:7401 --out received': { replace: addresses },
  'semcast send photo.jpg --decoder conditional --steps 8 --decoder-option guidanceScale=1.5': { more: toChannel },
  'semcast send holiday --cbr 1/48 --size 256 --json - | jq .frames[].psnrDb': { more: toChannel },
  'semcast sweep --images kodak --snr 0,5,10,15,20 --cbr 1/48,1/24 --json kodak.json': {},
  'semcast sweep --images kodak --limit 4 --size 256 --channel rayleigh-fast --json - | jq .summary': {},
  'semcast sweep --images kodak --metric-bundle vgg19-distance --out pictures': {},
  'semcast sweep --images kodak --decoders distilled --decoder-option realism=0 realism=0.5 realism=1': {},
  'semcast sweep --images kodak --size 256 --snr 5 --cbr 1/48 --json kodak.json --markdown kodak.md --resume': {
    // The first example left a report of the same name behind, of other conditions.
    replace: () => ({ 'kodak.json': 'resumed.json' }),
  },
  'semcast bench --images kodak --json bench-kodak.json': {},
  'semcast report kodak.json --out kodak.html': {},
  'semcast report kodak.json fading.json --figures figures --csv results.csv --latex results.tex': {
    replace: () => ({ 'fading.json': 'resumed.json' }),
  },
  'semcast load --to ws://127.0.0.1:7402 --snr 10 --rate 1,2,4,8 --json - | jq .saturationRate': {
    more: () => ['--duration', '1', '--warmup', '0', '--images', 'kodak', '--size', '64'],
    replace: addresses,
  },
  'semcast ber --channel rayleigh-fast': {},
  'semcast ber --channel tdl-a --waveform ofdm --waveform-option estimator=genie --eb-n0 0,10,20': {},
  'semcast ber --channel awgn --channel.impairments interference --json ber.json': {},
  'semcast doctor': { more: ports },
  'npx semcast --help': {},
  'npx semcast sweep --images DIR --size 256 --decoders jscc,digital,digital-ideal --snr 0,5,10,15,20 --json digital.json':
    { more: () => ['--decoder-option', 'effort=0'], replace: () => ({ '256': '64' }) },
  'npx semcast sweep --images DIR --decoders jscc --channel awgn --snr 0,5,10 --cbr 1/48,1/24 --json results.json': {},
};

const SERVICES: ReadonlySet<string> = new Set(['transmitter', 'channel', 'receiver']);

/** Run a command within this process, which has everything loaded; interrupted when `until` is on its output. */
async function runHere(argv: readonly string[], until?: RegExp): Promise<{ code: number; output: string }> {
  const interruption = new AbortController();
  let output = '';
  const stream = {
    columns: 120,
    write: (text: string): boolean => {
      output += text;
      if (until?.test(output) === true) {
        interruption.abort();
      }
      return true;
    },
  };
  const code = await runCli(argv, {
    stdout: stream,
    stderr: stream,
    env: process.env,
    interruption: () => interruption.signal,
  });
  return { code, output };
}

/** Run a service, which ends its process itself. */
async function runService(argv: readonly string[], until?: RegExp): Promise<{ code: number | null; output: string }> {
  const command = workspace.semcast(argv, { env: { SEMCAST_BUNDLE: TOY_TRIO } });
  if (until !== undefined) {
    await command.until(String(until), ({ stdout, stderr }) => until.test(stdout + stderr));
    command.kill('SIGINT');
  }
  const { code, signal } = await command.ended;
  // Interrupted in the moment after it began to listen, it dies of that.
  return { code: signal === 'SIGINT' ? 0 : code, output: command.stderr };
}

/** What isn't run, and why; what can be is read as far as its flags. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^semcast load .*(--duration [369]0|--find-|--profile)/, 'a minute of load, or more'],
  [/^npx semcast load/, 'half a minute of load, or more'],
  [/--device cuda/, 'needs a GPU'],
  [
    /KODAK|CID22|--contact-sheet results.png|diffpir.lambda=1.75/,
    'hours of measuring; its flags are run in other tests',
  ],
  [/models\/trial/, 'needs weights that are not in the repository'],
  [/^npx semcast sweep --reproduce/, 'needs a report; its test makes one'],
  [/^npx semcast report/, 'its like, of --help, is run'],
  [/^(npx )?semcast trace|\| semcast trace/, 'needs logs of a frame of that number; its test has them'],
  [/^(npx )?semcast replay/, 'needs a recording; its test makes some'],
  [/^npx semcast (receiver|channel .*) &$/, 'services for the load test that follows'],
  [/^npx semcast (doctor|up|send|receiver|channel|transmitter)\b/, 'its like, of --help, is run'],
];

describe('every example', () => {
  let lines: readonly Line[] = [];
  beforeAll(async () => {
    lines = [...(await helpLines()), ...(await documentLines())];
  });

  it('is found', () => expect(lines.length).toBeGreaterThan(40));

  it('of semcast has flags that there are, and values that they take', async () => {
    const wrong: string[] = [];
    for (const { where, text } of lines) {
      const [name, ...argv] = semcastArguments(text) ?? [];
      if (name === undefined || name.startsWith('--')) {
        continue;
      }
      try {
        parseArguments(
          argv.filter((word) => word !== '--help').map((word) => PLACEHOLDERS[word] ?? word),
          (await entries[name]!.load()).help,
        );
      } catch (error) {
        wrong.push(`${where}: ${text}: ${(error as Error).message}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('of semcast in help and shell blocks is run below, or it is said why not', () => {
    const unknown = lines
      .filter(({ text }) => semcastArguments(text) !== undefined && RUNS[text] === undefined)
      .filter(({ text }) => !NOT_RUN.some(([pattern]) => pattern.test(text)))
      // In running text, a name with a flag is no example.
      .filter(({ text }) => !/^(npx )?semcast [a-z]+( --[a-z-]+)*( [A-Z]+)?$/.test(text) || RUNS[text] !== undefined)
      .map(({ where, text }) => `${where}: ${text}`);
    expect(unknown).toEqual([]);
    const stale = Object.keys(RUNS).filter((run) => !lines.some(({ text }) => text === run));
    expect(stale).toEqual([]);
  });

  it('of another program names what there is', async () => {
    const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
    const unknown: string[] = [];
    for (const { where, text } of lines.filter((line) => semcastArguments(line.text) === undefined)) {
      const [program, ...rest] = wordsOf(text.replace(/^(?:[A-Z_]+=\S+ )+/, ''));
      const module = /^semcast_training\.(\w+(?:\.\w+)*)$/.exec(rest[1] ?? '')?.[1]?.replaceAll('.', '/');
      const envFile = rest[rest.indexOf('--env-file') + 1];
      const fine =
        program === 'npm'
          ? rest[0] === 'test' || scripts[rest[1]!] !== undefined
          : program === 'docker'
            ? (rest[0] === 'compose' &&
                (!rest.includes('--env-file') || existsSync(join(REPOSITORY_ROOT, envFile!)))) ||
              (rest[0] === 'build' && existsSync(join(REPOSITORY_ROOT, rest[rest.indexOf('-f') + 1]!)))
            : program === 'kubectl'
              ? !rest.includes('-k') || existsSync(join(REPOSITORY_ROOT, rest[rest.indexOf('-k') + 1]!))
              : (program ?? '').endsWith('python') && module !== undefined
                ? existsSync(join(REPOSITORY_ROOT, 'models', 'training', 'semcast_training', `${module}.py`))
                : program === 'curl' || /^(cd|nats-server|python3|\.venv\/bin\/(pip|python)|cp)$/.test(program!);
      if (!fine) {
        unknown.push(`${where}: ${text}`);
      }
    }
    expect(unknown).toEqual([]);
  });
});

describe('the example', () => {
  beforeAll(async () => {
    stack = await startStack({ receiver: { bundle: TOY_TRIO, workers: 1 } });
    base = await freePortBase();
    const { dir } = workspace;
    await mkdir(join(dir, 'kodak'));
    await sharp(join(DEMO_PHOTOS, 'fig.jpg'))
      .resize(64, 64)
      .toFile(join(dir, 'kodak', 'kodim01.png'));
    for (const folder of ['holiday', 'DIR', 'Pictures']) {
      await cp(join(dir, 'kodak'), join(dir, folder), { recursive: true });
    }
    await copyFile(join(dir, 'kodak', 'kodim01.png'), join(dir, 'photo.jpg'));
    await cp(join(FIXTURES, 'toy-metric'), join(dir, 'vgg19-distance'), { recursive: true });
    vi.stubEnv('SEMCAST_BUNDLE', TOY_TRIO);
    process.chdir(dir);
  });
  afterAll(async () => {
    process.chdir(REPOSITORY_ROOT);
    vi.unstubAllEnvs();
    await stack.close();
  });

  it.each(Object.keys(RUNS))('%s', async (text) => {
    const { more = () => [], replace = () => ({}), until } = RUNS[text]!;
    const others: Readonly<Record<string, string>> = replace();
    const typed = semcastArguments(text)!.map((word) => others[word] ?? word.replace(/^~/, workspace.dir));
    const { code, output } = await (SERVICES.has(typed[0]!) ? runService : runHere)([...typed, ...more()], until);
    expect(code, output).toBe(0);
  });

  it('of PUT /channel is taken by a channel', async () => {
    const lines = [...(await helpLines()), ...(await documentLines())].filter(({ text }) => /^curl .*-d/.test(text));
    expect(lines.length).toBeGreaterThan(2);
    for (const { text } of lines) {
      const words = wordsOf(text);
      const address = words.find((word) => word.includes(':7401/channel'))!;
      const response = await fetch(
        new URL(new URL(`http://${address.replace('http://', '')}`).pathname, stack.channel.httpUrl),
        {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: words[words.indexOf('-d') + 1]!,
        },
      );
      expect([response.status, text]).toEqual([200, text]);
    }
  });
});
