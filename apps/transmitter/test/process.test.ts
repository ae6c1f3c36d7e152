/** The transmitter as a process: restarts after SIGKILL, exit codes, messages to its parent, and a clean end. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findDefaultBundle } from '@semcast/bundle';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import type { OutcomeSummary, TransmitterMessage } from '../src/index.js';
import { encodedPicture, finish, pictureOf, resultOf } from './support/fake-receiver.js';
import { photoFolder, receiver, temporaryFolder, until } from './support/harness.js';

interface Child {
  readonly process: ChildProcess;
  readonly messages: TransmitterMessage[];
  readonly outcomes: () => OutcomeSummary[];
  readonly stderr: () => string;
  readonly stdout: () => string;
  readonly exited: Promise<number | string>;
}

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
  }
});

function start(script: string, config: unknown, env: NodeJS.ProcessEnv = {}): Child {
  const path = fileURLToPath(new URL(`./support/${script}`, import.meta.url));
  const child = fork(path, [JSON.stringify(config)], { silent: true, env: { ...process.env, ...env } });
  children.push(child);
  const messages: TransmitterMessage[] = [];
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      text[name] += chunk.toString();
    });
  }
  child.on('message', (message) => messages.push(message as TransmitterMessage));
  const exited = exitOf(child);
  return {
    process: child,
    messages,
    outcomes: () => messages.flatMap((message) => (message.type === 'outcome' ? [message.outcome] : [])),
    stderr: () => text.stderr,
    stdout: () => text.stdout,
    exited,
  };
}

/** The exit code, or the signal that ended it, when all that it wrote has arrived. */
async function exitOf(child: ChildProcess): Promise<number | string> {
  const written = [child.stdout, child.stderr].map((stream) => once(stream!, 'close'));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  await Promise.all(written);
  return code ?? signal ?? 'unknown';
}

const runTransmitter = (config: Readonly<Record<string, unknown>>, env?: NodeJS.ProcessEnv): Child =>
  start('run-transmitter.mjs', { port: 0, ...config }, env);

describe('with a journal', () => {
  it('a transmitter that is killed and restarted loses no frame and repeats no result', async () => {
    const count = 36;
    const far = await receiver({
      credits: 4,
      answer: (delivery) => setTimeout(() => finish(delivery), 10 + ((delivery.head.frame * 7) % 30)),
    });
    const folder = await temporaryFolder();
    const outputDir = join(folder, 'out');
    const journal = join(folder, 'journal.jsonl');
    const source = await photoFolder(count);
    const config = { to: far.url, source: [source], loop: false, journal, outputDir, logLevel: 'warn' };

    const seen: OutcomeSummary[] = [];
    for (const killAfter of [7, 10]) {
      const child = runTransmitter(config);
      await until(() => child.outcomes().length >= killAfter, `${killAfter} outcomes (${child.stderr()})`);
      child.process.kill('SIGKILL');
      expect(await child.exited).toBe('SIGKILL');
      seen.push(...child.outcomes());
    }
    const last = runTransmitter(config);
    expect(await last.exited, last.stderr()).toBe(0);
    seen.push(...last.outcomes());

    const [header, ...lines] = (await readFile(journal, 'utf8')).trimEnd().split('\n');
    expect(JSON.parse(header!)).toMatchObject({ journal: 'semcast.transmitter/1' });
    const recorded = lines.map((line) => JSON.parse(line) as OutcomeSummary);
    const everyFrame = Array.from({ length: count }, (_, i) => i);
    expect(recorded.map(({ frame }) => frame).sort((a, b) => a - b)).toEqual(everyFrame);
    expect(recorded.every(({ kind }) => kind === 'completed')).toBe(true);
    for (const { frame, name } of recorded) {
      expect(name).toBe(`photo-${String(frame).padStart(3, '0')}.png`);
    }
    // Announced at most once each: the kill may have swallowed some, never repeated one.
    expect(new Set(seen.map(({ frame }) => frame)).size).toBe(seen.length);
    // The receiver, which lived on, worked on each frame once.
    expect(far.frames.map(({ frame }) => frame).sort((a, b) => a - b)).toEqual(everyFrame);
    expect(new Set(far.hellos.map(({ stream, run }) => `${stream}/${run}`)).size).toBe(1);

    const written = await readdir(outputDir);
    expect(written.filter((name) => name.endsWith('.png'))).toHaveLength(count);
    for (const head of far.frames) {
      const outcome = recorded.find(({ frame }) => frame === head.frame)!;
      const pixels = await sharp(outcome.kind === 'completed' ? outcome.outputPath : '')
        .raw()
        .toBuffer();
      expect(pixels.equals(pictureOf(head).data)).toBe(true);
    }
  });

  it('a result that had arrived but was not on the disk yet is had again after a kill', async () => {
    let answered = false;
    const far = await receiver({
      answer: (delivery) => {
        void encodedPicture(delivery).then((payload) => {
          answered = delivery.finish(resultOf(delivery.head, delivery.hello), payload);
          return answered;
        });
      },
    });
    const journal = join(await temporaryFolder(), 'journal');
    // Large enough that comparing the pictures takes several hundred milliseconds.
    const source = await photoFolder(1, { width: 640, height: 640 });
    const config = { to: far.url, source: [source], loop: false, journal };
    const first = runTransmitter(config);
    await until(() => answered, 'the result');
    await delay(40);
    first.process.kill('SIGKILL');
    await first.exited;
    expect((await readFile(journal, 'utf8')).trimEnd().split('\n')).toHaveLength(1);
    expect(far.streams.stored).toBe(1);
    const second = runTransmitter(config);
    expect(await second.exited, second.stderr()).toBe(0);
    expect(second.outcomes()).toMatchObject([{ kind: 'completed', frame: 0 }]);
    expect(far.frames).toHaveLength(1);
  });

  it('goes on after a signal where it stopped, with what was under way sent again', async () => {
    let isAnswering = false;
    const far = await receiver({ credits: 2, answer: (delivery) => (isAnswering ? finish(delivery) : undefined) });
    const folder = await temporaryFolder();
    const config = {
      to: far.url,
      source: [await photoFolder(5)],
      loop: false,
      journal: join(folder, 'journal'),
      drainMs: 50,
    };
    const first = runTransmitter(config);
    await until(() => far.frames.length === 2, 'two frames under way');
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    expect(first.outcomes().every((outcome) => outcome.kind === 'dropped' && outcome.reason === 'cancelled')).toBe(
      true,
    );
    isAnswering = true;
    // The receiver still works on two frames of the first run; it is replaced, as they would never end here.
    far.streams.close();
    const second = runTransmitter(config);
    expect(await second.exited, second.stderr()).toBe(0);
    expect(second.outcomes().map(({ frame, kind }) => [frame, kind])).toHaveLength(5);
    expect(second.outcomes().every(({ kind }) => kind === 'completed')).toBe(true);
    // A third start has nothing left to do.
    const third = runTransmitter(config);
    expect(await third.exited).toBe(0);
    expect(third.outcomes()).toEqual([]);
  });
});

describe('as a child', () => {
  it('tells its parent what happens, and ends with the last photograph', async () => {
    const far = await receiver();
    const child = runTransmitter({ to: far.url, source: [await photoFolder(3)], loop: false, logLevel: 'info' });
    expect(await child.exited, child.stderr()).toBe(0);
    expect(child.messages[0]).toEqual({
      type: 'ready',
      httpUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      stream: expect.stringMatching(/^tx-[0-9a-f]{4}$/) as string,
    });
    expect(child.messages).toContainEqual({ type: 'state', link: { state: 'open' } });
    expect(child.outcomes()).toHaveLength(3);
    expect(child.messages).toContainEqual({
      type: 'finished',
      totals: { completed: 3, dropped: 0, droppedByReason: {} },
    });
    const logged = child
      .stderr()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const completed = logged.filter(({ msg }) => msg === 'frame completed');
    expect(new Set(completed.map(({ frame }) => frame))).toEqual(new Set([0, 1, 2]));
    expect(completed.every(({ stream }) => stream === child.outcomes()[0]!.stream)).toBe(true);
  });

  it('stays up for its metrics when told to, and ends with its parent', async () => {
    const far = await receiver();
    const child = runTransmitter({ to: far.url, source: [await photoFolder(1)], loop: false, stayUp: true });
    await until(() => child.messages.some(({ type }) => type === 'finished'), 'the end of the source');
    const ready = child.messages.find((message) => message.type === 'ready')!;
    expect((await fetch(`${ready.httpUrl}/metrics`)).status).toBe(200);
    child.process.disconnect();
    expect(await child.exited).toBe(0);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly and soon at %s, in the middle of a stream', async (signal) => {
    const far = await receiver();
    const child = runTransmitter({ to: far.url, source: [await photoFolder(3)], drainMs: 500 });
    await until(() => child.outcomes().length > 2, 'some outcomes');
    const startedAt = performance.now();
    child.process.kill(signal);
    expect(await child.exited).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it('leaves nothing behind that keeps a process alive', async () => {
    const far = await receiver();
    const child = start('start-and-close.mjs', { to: far.url });
    // The channel to the parent would keep it alive, and is none of the transmitter's doing.
    child.process.disconnect();
    expect(await child.exited, child.stderr()).toBe(0);
    expect(child.stdout()).toBe('completed');
  });
});

describe('what goes wrong at the start', () => {
  it.each([
    ['a misspelt key', { desiner: 1 }, 2, ['unknown flag --desiner', 'E_CONFIG']],
    ['a value out of range', { fps: -3 }, 2, ['fps', 'flag --fps', 'E_CONFIG']],
    ['a missing configuration file', { config: '/nowhere/tx.yaml' }, 2, ["doesn't exist", 'E_CONFIG_FILE']],
    ['a missing bundle', { bundle: '/nowhere/bundle' }, 1, ['/nowhere/bundle', 'E_BUNDLE_MISSING']],
    ['missing photographs', { source: ['/nowhere/photos'] }, 1, ['/nowhere/photos', 'E_SOURCE']],
  ])('is said in one line, with an exit code: %s', async (_, config, code, words) => {
    const child = runTransmitter({ logLevel: 'silent', ...config });
    expect(await child.exited).toBe(code);
    for (const word of words) {
      expect(child.stderr()).toContain(word);
    }
    expect(child.stderr().trimEnd().split('\n')).toHaveLength(1);
    expect(child.messages).toEqual([]);
  });

  it('names a busy port', async () => {
    const far = await receiver();
    const child = runTransmitter({ port: far.port, logLevel: 'silent' });
    expect(await child.exited).toBe(1);
    expect(child.stderr()).toContain(String(far.port));
    expect(child.stderr()).toContain('E_PORT_BUSY');
  });

  it('names a corrupted graph', async () => {
    const bundle = join(await temporaryFolder(), 'torn');
    await mkdir(bundle);
    for (const name of await readdir(findDefaultBundle())) {
      await copyFile(join(findDefaultBundle(), name), join(bundle, name));
    }
    await writeFile(join(bundle, 'encoder.onnx'), 'not a graph any more');
    const child = runTransmitter({ bundle, logLevel: 'silent' });
    expect(await child.exited).toBe(1);
    expect(child.stderr()).toContain('encoder.onnx');
    expect(child.stderr()).toContain('E_BUNDLE_HASH');
  });

  it('ends with the message of a channel that refuses its token', async () => {
    const far = await receiver({ token: 'right' });
    const child = runTransmitter({ to: far.url, token: 'wrong', logLevel: 'silent' });
    expect(await child.exited).toBe(1);
    expect(child.stderr()).toContain('E_TOKEN');
    expect(child.outcomes().every((outcome) => outcome.kind === 'dropped' && outcome.reason === 'gave-up')).toBe(true);
  });

  it('prints its configuration without secrets, from flags over environment over file', async () => {
    const file = join(await temporaryFolder(), 'tx.yaml');
    await writeFile(file, 'fps: 3\ncbr: 1/48\nsize: 64\n');
    const child = runTransmitter(
      { config: file, printConfig: true, size: 128 },
      { SEMCAST_TRANSMITTER_CBR: '1/12', SEMCAST_TRANSMITTER_TOKEN: 'hush', SEMCAST_TRANSMITTER_SIZE: '96' },
    );
    expect(await child.exited).toBe(0);
    expect(child.stdout()).toMatch(/^fps: 3$/m);
    expect(child.stdout()).toMatch(/^cbr: 1\/12$/m);
    expect(child.stdout()).toMatch(/^size: 128$/m);
    expect(child.stdout()).toMatch(/^# channel bandwidth ratio/m);
    expect(child.stdout()).not.toContain('hush');
    expect(basename(file)).toBe('tx.yaml');
  });
});
