import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createProcessKeeper,
  findProgram,
  freePorts,
  REPOSITORY_ROOT,
  waitFor,
  type TestProcess,
} from '@semcast/testkit';
import {
  DEMO_PHOTOS,
  type OutcomeSummary,
  type TransmitterConfigInput,
  type TransmitterMessage,
} from '@semcast/transmitter';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

const SEMCAST = join(REPOSITORY_ROOT, 'apps/cli/bin/semcast.js');
const BUNDLE = join(REPOSITORY_ROOT, 'packages/bundle/fixtures/posterior-bundle');
/** `creditsPerStream` of a receiver. */
const CREDITS = 8;

/** A mirror of a folder that takes so many bytes a second. Undefined where the kernel has no FUSE for this user. */
const bindfs = canMount() ? findProgram('bindfs', 'bindfs') : undefined;

function canMount(): boolean {
  const can = process.getuid?.() === 0 && existsSync('/dev/fuse');
  if (!can) {
    process.stderr.write('tests are skipped: this user can not mount anything with FUSE\n');
  }
  return can;
}

const services = createProcessKeeper();
const disks = createProcessKeeper();
const mounted: TestProcess[] = [];
let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'semcast-slow-disk-'));
});
afterEach(async () => {
  await services.killAll();
  for (const disk of mounted.splice(0)) {
    // It unmounts itself.
    disk.kill('SIGTERM');
    await disk.ended;
  }
  await rm(dir, { recursive: true, force: true });
});

/** A folder on a disk that writes so many bytes a second. */
async function slowDisk(name: string, bytesPerSecond: number): Promise<string> {
  const [source, folder] = [join(dir, `${name}-source`), join(dir, name)];
  await mkdir(source);
  await mkdir(folder);
  mounted.push(disks.start({ command: bindfs!, args: ['-f', `--write-rate=${bytesPerSecond}`, source, folder] }));
  const { dev } = await stat(source);
  await waitFor('the disk is mounted', async () => (await stat(folder)).dev !== dev);
  return folder;
}

async function start(command: string, config: object): Promise<TestProcess> {
  const file = join(dir, `${command}.json`);
  await writeFile(file, JSON.stringify({ logLevel: 'info', ...config }));
  const env = { NO_COLOR: '1', SEMCAST_BUNDLE: undefined };
  const service = services.start({ args: [SEMCAST, command, '--config', file], cwd: dir, env, ipc: true });
  await service.until(`the ${command} is ready`, ({ messages }) => messages.length > 0);
  return service;
}

interface Services {
  readonly receiver: TestProcess;
  readonly channel: TestProcess;
  readonly transmitter: TestProcess;
}

/** Receiver, channel and transmitter that write to disks of so many bytes a second all that they can. */
async function startAll(bytesPerSecond: number, settings: TransmitterConfigInput): Promise<Services> {
  const [receiverPort, channelPort] = (await freePorts(2)) as [number, number];
  const receiver = await start('receiver', {
    bundle: BUNDLE,
    workers: 1,
    warmUp: false,
    console: { enabled: false },
    port: receiverPort,
    outputDir: await slowDisk('decoded', bytesPerSecond),
  });
  const channel = await start('channel', {
    port: channelPort,
    receiverUrl: `ws://localhost:${receiverPort}`,
    record: { folder: await slowDisk('recorded', bytesPerSecond), at: 'both' },
  });
  const outputDir = await slowDisk('received', bytesPerSecond);
  const transmitter = await start('transmitter', {
    stream: 'slow',
    source: [DEMO_PHOTOS],
    size: 32,
    fps: 20,
    bundle: BUNDLE,
    port: 0,
    to: `ws://localhost:${channelPort}`,
    stayUp: true,
    journal: join(outputDir, 'journal.jsonl'),
    outputDir,
    ...settings,
  });
  return { receiver, channel, transmitter };
}

/** Frames in a receiver, waiting or being decoded or written. */
async function framesIn(receiver: TestProcess): Promise<number> {
  const { httpUrl } = receiver.messages[0] as { readonly httpUrl: string };
  const { queue } = (await (await fetch(`${httpUrl}/status`)).json()) as {
    queue: { waiting: number; decoding: number };
  };
  return queue.waiting + queue.decoding;
}

function outcomesOf(transmitter: TestProcess): OutcomeSummary[] {
  return (transmitter.messages as TransmitterMessage[]).flatMap((message) =>
    message.type === 'outcome' ? [message.outcome] : [],
  );
}

/** Names without those of files that aren't finished. */
async function filesIn(name: string): Promise<string[]> {
  return (await readdir(join(dir, `${name}-source`))).filter((file) => !file.startsWith('.'));
}

describe.skipIf(bindfs === undefined)('disks that need a second and more for a picture', () => {
  it('slow frames down and cost none, and nothing piles up', async () => {
    const frames = 12;
    const { receiver, channel, transmitter } = await startAll(3000, { frames });
    let most = 0;
    await waitFor('the outcome of each frame', async () => {
      most = Math.max(most, await framesIn(receiver));
      return outcomesOf(transmitter).length === frames;
    });
    expect(new Set(outcomesOf(transmitter).map(({ frame }) => frame)).size).toBe(frames);
    expect(outcomesOf(transmitter).map(({ kind }) => kind)).toEqual(Array.from({ length: frames }, () => 'completed'));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(CREDITS);
    expect(await filesIn('decoded')).toHaveLength(frames);
    expect((await filesIn('received')).filter((file) => file.endsWith('.png'))).toHaveLength(frames);
    for (const service of [transmitter, channel, receiver]) {
      service.kill('SIGTERM');
      expect(await service.ended).toEqual({ code: 0, signal: null });
    }
    expect(channel.stderr).toMatch(/"frames":12,"missing":0,"msg":"recording written"/);
  });

  it('cost those that must be there in time, by name, and hold up no end', async () => {
    const { receiver, transmitter } = await startAll(1000, { loop: true, deadlineMs: 1500 });
    await waitFor('a frame that comes too late', () => outcomesOf(transmitter).some(({ kind }) => kind === 'dropped'));
    for (const outcome of outcomesOf(transmitter)) {
      expect(outcome).toMatchObject(outcome.kind === 'dropped' ? { reason: 'deadline' } : { kind: 'completed' });
    }
    await waitFor('pictures that wait for the disk', async () => (await framesIn(receiver)) > 2);
    receiver.kill('SIGTERM');
    expect(await receiver.ended).toEqual({ code: 0, signal: null });
  });
});
