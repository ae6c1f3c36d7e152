import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
  }
});

/** What `process.exit` would wait for: some minutes of work in a thread. */
const BUSY_THREAD = `
  const { pbkdf2 } = await import('node:crypto');
  pbkdf2('a', 'b', 1e9, 32, 'sha512', () => {});
`;

/** A process that prints `up`, then does `body` with `run(close, options)` at hand. */
function start(body: string) {
  const program = `
    import { createLogger } from '@semcast/service';
    import { runUntilSignal } from './dist/shutdown.js';
    const logger = createLogger({ service: 'test' });
    const run = (close, options) => runUntilSignal(close, { logger, ...options });
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    setInterval(() => {}, 1000);
    ${body}
    process.stdout.write('up');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => code ?? signal);
  const saw = async (text: string) => {
    while (!output.stdout.includes(text) && !output.stderr.includes(text) && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const messages = () =>
    output.stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
  return { child, output, ended, saw, messages };
}

describe('runUntilSignal', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('closes and exits 0 on %s', async (signal) => {
    const { child, output, ended, saw, messages } = start(
      `run(async () => { await wait(20); process.stdout.write(' cleaned'); });`,
    );
    await saw('up');
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(output.stdout).toBe('up cleaned');
    expect(messages()).toEqual(['closing', 'closed']);
    expect(output.stderr).toContain(`"signal":"${signal}"`);
  });

  it.each(['SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP', 'SIGABRT'] as const)('dies of %s', async (signal) => {
    const { child, output, ended, saw } = start(`run(async () => { process.stdout.write(' cleaned'); });`);
    await saw('up');
    child.kill(signal);
    expect(await ended).toBe(signal);
    expect(output.stdout).toBe('up');
  });

  it('ends at once, by that signal, on a second one, whatever its threads are busy with', async () => {
    const { child, output, ended, saw, messages } = start(
      `${BUSY_THREAD} run(async () => { process.stdout.write(' closing'); await wait(60_000); });`,
    );
    await saw('up');
    child.kill('SIGINT');
    await saw('up closing');
    child.kill('SIGINT');
    expect(await ended).toBe('SIGINT');
    expect(output.stdout).toBe('up closing');
    expect(messages()).toEqual(['closing', 'second signal: ending at once']);
  });

  it.each([
    ['SIGHUP', 'SIGHUP'],
    ['SIGTERM', 'SIGHUP'],
  ] as const)('goes on closing after %s and then %s: a closing terminal may tell it twice', async (first, second) => {
    const { child, output, ended, saw } = start(
      `run(async () => { process.stdout.write(' closing'); await wait(200); process.stdout.write(' cleaned'); });`,
    );
    await saw('up');
    child.kill(first);
    await saw('up closing');
    child.kill(second);
    expect(await ended).toBe(0);
    expect(output.stdout).toBe('up closing cleaned');
  });

  it('waits no longer than told for a close that hangs, whatever its threads are busy with', async () => {
    const { child, ended, saw, messages } = start(`${BUSY_THREAD} run(() => wait(60_000), { timeoutMs: 50 });`);
    await saw('up');
    child.kill('SIGTERM');
    expect(await ended).toBe('SIGKILL');
    expect(messages()).toEqual(['closing', 'not closed after 50 ms: ending anyway; frames under way are lost']);
  });

  it('exits 1 and says why when closing fails', async () => {
    const { child, output, ended, saw, messages } = start(`run(async () => { throw new Error('disk full'); });`);
    await saw('up');
    child.kill('SIGTERM');
    expect(await ended).toBe(1);
    expect(messages()).toEqual(['closing', 'closing failed']);
    expect(output.stderr).toContain('disk full');
  });

  it.each([
    ['exception', `setTimeout(() => { throw new Error('boom'); }, 10);`],
    ['rejection', `setTimeout(() => { void Promise.reject(new Error('boom')); }, 10);`],
  ])('closes and exits 1 after an uncaught %s', async (_, body) => {
    const { output, ended, messages } = start(`run(async () => { process.stdout.write(' cleaned'); }); ${body}`);
    expect(await ended).toBe(1);
    expect(output.stdout).toBe('up cleaned');
    expect(messages()).toEqual(['uncaught error: boom', 'closed']);
    expect(output.stderr).toContain('"level":"fatal"');
  });

  it('can be closed from within', async () => {
    const within = start(`run(async () => { process.stdout.write('cleaned '); })();`);
    expect(await within.ended).toBe(0);
    expect(within.output.stdout).toContain('cleaned');
  });
});
