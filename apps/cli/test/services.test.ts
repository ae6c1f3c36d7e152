import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, freePorts, type TestProcess } from '@semcast/testkit';
import type { OutcomeSummary } from '@semcast/transmitter';
import { describe, expect, it } from 'vitest';
import { flagList } from '../src/arguments/flag-list.js';
import { SEMCAST, useWorkspace } from './helpers.js';

const workspace = useWorkspace();
const openssl = findProgram('openssl', 'openssl');

/** Sent as fast as they get through, so that at any moment some are under way. */
const FRAMES = 60;
/** Frames that are journalled together in one write: so many may be written down and untold when a kill comes. */
const MAX_UNTOLD = 16;

/** The three services as processes of their own, each with a fixed port, so that it can come back at the same place. */
async function startServices(name: string) {
  const [receiverPort, channelPort, transmitterPort] = (await freePorts(3)) as [number, number, number];
  const photos = await workspace.photos(3);
  const journal = join(workspace.dir, name, 'journal.jsonl');
  const outputDir = join(workspace.dir, name, 'received');
  const common = { 'log-level': 'warn' };
  const commands = {
    receiver: flagList({ port: receiverPort, workers: 1, ...common }),
    channel: flagList({ port: channelPort, 'receiver-url': `ws://127.0.0.1:${receiverPort}`, ...common }),
    transmitter: flagList({
      port: transmitterPort,
      to: `ws://127.0.0.1:${channelPort}`,
      source: photos,
      frames: FRAMES,
      size: 64,
      journal,
      'output-dir': outputDir,
      ...common,
    }),
  };
  const start = (service: keyof typeof commands): TestProcess =>
    workspace.semcast([service, ...commands[service]], { ipc: true });
  const isReady = (service: TestProcess): boolean =>
    service.messages.some((message) => (message as { type: string }).type === 'ready');
  const startReady = async (service: keyof typeof commands): Promise<TestProcess> => {
    const process = start(service);
    await process.until(`the ${service} is ready`, isReady);
    return process;
  };
  /** Outcomes that this life of the transmitter told of. */
  const outcomesOf = (transmitter: TestProcess): OutcomeSummary[] =>
    transmitter.messages.flatMap((message) => {
      const { type, outcome } = message as { type: string; outcome?: OutcomeSummary };
      return type === 'outcome' && outcome !== undefined ? [outcome] : [];
    });
  return { startReady, outcomesOf, journal, outputDir };
}

/** Frames of the journal, in its order; the first line is its head. */
async function journalled(journal: string): Promise<{ readonly frame: number; readonly kind?: string }[]> {
  const lines = (await readFile(journal, 'utf8')).trimEnd().split('\n').slice(1);
  return lines.map((line) => JSON.parse(line) as { frame: number; kind?: string });
}

describe('three processes', () => {
  it.each(['receiver', 'channel', 'transmitter'] as const)(
    'lose no frame and duplicate no result when the %s is killed in mid-stream and started again',
    async (victim) => {
      const { startReady, outcomesOf, journal, outputDir } = await startServices(`kill-${victim}`);
      const running = {
        receiver: await startReady('receiver'),
        channel: await startReady('channel'),
        transmitter: await startReady('transmitter'),
      };
      const lives = [running.transmitter];
      await running.transmitter.until('some frames are through', (process) => outcomesOf(process).length >= 6);

      running[victim].kill('SIGKILL');
      await running[victim].ended;
      const before = outcomesOf(lives[0]!).length;
      expect(before, 'it was killed in mid-stream').toBeLessThan(FRAMES - 6);
      running[victim] = await startReady(victim);
      if (victim === 'transmitter') {
        lives.push(running.transmitter);
      }

      await running.transmitter.ended;
      const outcomes = lives.flatMap(outcomesOf);
      const all = Array.from({ length: FRAMES }, (_, frame) => frame);
      expect(outcomes.map(({ kind }) => kind).filter((kind) => kind !== 'completed')).toEqual([]);
      // Told at most once, even over two lives (a kill may come between writing down and telling); written down once.
      expect(new Set(outcomes.map(({ frame }) => frame)).size).toBe(outcomes.length);
      expect(outcomes.length).toBeGreaterThanOrEqual(victim === 'transmitter' ? FRAMES - MAX_UNTOLD : FRAMES);
      expect((await journalled(journal)).map(({ frame }) => frame).sort((a, b) => a - b)).toEqual(all);
      // What was being written when it was killed stays behind, hidden.
      const files = (await readdir(outputDir)).filter((file) => !file.startsWith('.')).sort();
      expect(files.map((file) => Number(/-(\d{6})-/.exec(file)?.[1]))).toEqual(all);
    },
  );

  it.skipIf(openssl === undefined)('speak TLS to each other with a certificate of their own', async () => {
    const [receiverPort, channelPort] = (await freePorts(2)) as [number, number];
    const [cert, key] = [join(workspace.dir, 'cert.pem'), join(workspace.dir, 'key.pem')];
    const about = ['-subj', '/CN=semcast', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
    await promisify(execFile)(openssl!, ['req', '-x509', '-nodes', ...about, '-out', cert, '-keyout', key]);
    const tls = { 'tls-cert': cert, 'tls-key': key, 'log-level': 'warn' };
    const env = { NODE_EXTRA_CA_CERTS: cert };
    const start = async (args: readonly string[]): Promise<void> => {
      const service = workspace.semcast(args, { ipc: true, env });
      await service.until('it is ready', ({ messages }) => messages.length > 0);
    };
    const receiverUrl = `wss://127.0.0.1:${receiverPort}`;
    await start(['receiver', ...flagList({ port: receiverPort, workers: 1, ...tls })]);
    await start(['channel', ...flagList({ port: channelPort, 'receiver-url': receiverUrl, ...tls })]);
    const photos = await workspace.photos(1);
    const send = ['send', photos, '--size', '64', '--to', `wss://127.0.0.1:${channelPort}`];
    const sent = workspace.semcast(send, { env });
    expect(await sent.ended, sent.stderr).toEqual({ code: 0, signal: null });
  });

  it('end on SIGTERM with 0, having written nothing to standard output', async () => {
    const { startReady } = await startServices('end');
    const receiver = await startReady('receiver');
    receiver.kill('SIGTERM');
    expect(await receiver.ended).toEqual({ code: 0, signal: null });
    expect(receiver.stdout).toBe('');
  });

  it('say in one line why they cannot start, and exit with 1, or with 2 for a wrong setting', async () => {
    const [port] = (await freePorts(1)) as [number];
    const first = workspace.semcast(['channel', '--port', String(port)], { ipc: true });
    await first.until('it is ready', ({ messages }) => messages.length > 0);
    const second = workspace.semcast(['channel', '--port', String(port)]);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr).toMatch(new RegExp(`port ${port} on 127.0.0.1 is taken.*--port`));
    expect(
      second.stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('{')),
    ).toHaveLength(1);

    const wrong = await workspace.run('receiver', '--workers', 'many');
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain('workers');
    const missing = await workspace.run('receiver', '--port', '0', '--bundle', '/no/such/bundle');
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('there is no bundle folder /no/such/bundle');
  });

  it('print their settings as YAML on demand', async () => {
    const { code, stdout } = await workspace.run(
      'channel',
      '--print-config',
      '--channel.snr.snr-db',
      '3',
      '--token',
      'hush',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('snrDb: 3');
    expect(stdout).not.toContain('hush');
  });

  it('take a file that a shell makes of a command, and values whose lines end as on Windows', async () => {
    const command = workspace.keeper.start({
      command: 'bash',
      args: ['-c', '"$@" --config <(echo "fps: 7") --print-config', 'bash', process.execPath, SEMCAST, 'transmitter'],
      env: { SEMCAST_TRANSMITTER_TO: 'ws://127.0.0.1:7409\r', SEMCAST_TRANSMITTER_SIZE: '32\r' },
    });
    expect(await command.ended).toEqual({ code: 0, signal: null });
    for (const line of ['fps: 7\n', 'to: ws://127.0.0.1:7409\n', 'size: 32\n']) {
      expect(command.stdout).toContain(line);
    }
  });

  it('take settings from flags over environment over file, and a switch back', async () => {
    const file = join(workspace.dir, 'transmitter.yaml');
    await writeFile(file, 'fps: 1\nsize: 32\ncbr: 1/48\n');
    const command = workspace.semcast(
      ['transmitter', '--config', file, '--size', '128', '--no-loop', '--print-config'],
      {
        env: { SEMCAST_TRANSMITTER_FPS: '3' },
      },
    );
    await command.ended;
    for (const line of ['fps: 3', 'size: 128', 'cbr: 1/48', 'loop: false']) {
      expect(command.stdout).toContain(line);
    }
  });
});
