/** How services end, or don't, when something goes wrong outside their own code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, waitFor, type TestProcess } from '@semcast/testkit';
import { describe, expect, it } from 'vitest';
import { SEMCAST, useWorkspace } from './helpers.js';

const workspace = useWorkspace();
const gdb = findProgram('gdb', 'gdb');
const script = findProgram('script', 'bsdutils');

const TOY_BUNDLE = fileURLToPath(new URL('../../../packages/bundle/fixtures/toy-bundle', import.meta.url));
const COMMANDS = {
  channel: ['channel', '--port', '0'],
  receiver: ['receiver', '--port', '0', '--workers', '1', '--bundle', TOY_BUNDLE],
} as const;

interface Ready {
  readonly type: 'ready';
  readonly httpUrl: string;
}

async function untilReady(process: TestProcess): Promise<Ready> {
  await process.until('it is ready', ({ messages }) => messages.length > 0);
  return process.messages[0] as Ready;
}

/** Let the first thread that is in this function, the main thread if it is empty, go on at address 0. */
async function fault(pid: number, inFunction: string): Promise<void> {
  const commands = join(workspace.dir, 'fault.py');
  await writeFile(
    commands,
    `
import gdb

def stack():
    frame = gdb.newest_frame()
    while frame is not None:
        yield frame.name() or ''
        try:
            frame = frame.older()
        except gdb.error:
            return

wanted = ${JSON.stringify(inFunction)}
threads = [t for t in gdb.selected_inferior().threads() if wanted or t.ptid[0] == t.ptid[1]]
for thread in threads:
    thread.switch()
    if any(wanted in name for name in stack()):
        gdb.execute('set $pc = 0')
        print('at address 0')
        break
`,
  );
  const debug = spawn(gdb!, ['-p', String(pid), '-batch', '-nx', '-ex', `source ${commands}`, '-ex', 'detach']);
  let output = '';
  debug.stdout.on('data', (data: Buffer) => (output += data.toString()));
  debug.stderr.on('data', (data: Buffer) => (output += data.toString()));
  await once(debug, 'close');
  expect(output).toContain('at address 0');
}

describe('a native fault', () => {
  it('ends a service by its signal', async () => {
    const service = workspace.semcast(COMMANDS.channel, { ipc: true });
    await untilReady(service);
    service.kill('SIGSEGV');
    expect(await service.ended).toEqual({ code: null, signal: 'SIGSEGV' });
  });

  it.skipIf(gdb === undefined).each([
    ['channel', ''],
    // Whoever watches over the receiver starts it again, and its frames are sent to the new one.
    ['receiver', 'Worker::StartThread'],
  ] as const)('ends a %s that runs into one in the main thread, or in "%s"', async (name, inFunction) => {
    const service = workspace.semcast(COMMANDS[name], { ipc: true });
    await untilReady(service);
    await fault(service.pid, inFunction);
    expect(await service.ended).toEqual({ code: null, signal: 'SIGSEGV' });
  });
});

describe('a closed terminal', () => {
  it.skipIf(script === undefined).each([
    ['channel', 'HUP'],
    ['receiver', 'HUP'],
    // One that was left behind (disown) goes on without a terminal, and ends when it is told to.
    ['channel', 'TERM'],
  ] as const)('lets a %s in the foreground end cleanly (%s)', async (name, signal) => {
    const file = (ending: string): string => join(workspace.dir, `${name}-${signal}.${ending}`);
    // As an interactive shell does, it passes on what its terminal tells it; and it lives to tell how the service ended.
    const shell = `
      "$@" & service=$!
      echo $service >${file('pid')}
      trap '${signal === 'HUP' ? 'kill -HUP $service' : ''}' HUP
      wait $service; code=$?
      # A wait that its trap cut short is told of the trap, and the next one of the service, which may have ended by now.
      wait $service; again=$?
      [ $again = 127 ] || code=$again
      echo $code >${file('code')}
    `;
    await writeFile(file('sh'), shell);
    const command = [process.execPath, SEMCAST, ...COMMANDS[name]].join(' ');
    const terminal = workspace.keeper.start({
      command: script!,
      args: ['-qfc', `sh ${file('sh')} ${command}`, '/dev/null'],
    });
    await terminal.until('it is ready', ({ stdout }) => stdout.includes(`${name} listens`));
    terminal.kill('SIGKILL');
    await terminal.ended;
    if (signal === 'TERM') {
      process.kill(Number(await readFile(file('pid'), 'utf8')), 'SIGTERM');
    }
    const told = async (): Promise<string> => await readFile(file('code'), 'utf8').catch(() => '');
    await waitFor('the service ends', async () => (await told()) !== '', 20_000);
    expect(await told()).toBe('0\n');
  });
});

describe('a log that can not be written', () => {
  it('is told to the console and to Prometheus, and stops nothing', async () => {
    const service = workspace.keeper.start({
      command: 'sh',
      args: ['-c', 'exec "$@" 2>/dev/full', 'sh', process.execPath, SEMCAST, ...COMMANDS.channel],
      ipc: true,
    });
    const { httpUrl } = await untilReady(service);
    const told = async (path: string): Promise<string> => (await fetch(`${httpUrl}${path}`)).text();
    expect(await told('/feed?after=0')).toMatch(/"log-failed".*the log can't be written.*ENOSPC/);
    expect(await told('/metrics')).toMatch(/semcast_events_total\{event="log-failed"[^}]*\} 1\n/);
    service.kill('SIGTERM');
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(service.stdout).toBe('');
  });

  it('and results that can not: the command goes on, and fails in the end', async () => {
    const service = workspace.keeper.start({
      command: 'sh',
      args: ['-c', 'exec "$@" >/dev/full', 'sh', process.execPath, SEMCAST, 'channel', '--print-config'],
    });
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(/^standard output can't be written: .*ENOSPC.*\n$/);
  });
});
