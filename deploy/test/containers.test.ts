import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor, type TestProcess } from '@semcast/testkit';
import type { TransmitterStatus } from '@semcast/transmitter';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readCompose } from './support/compose.js';
import { canIsolate, isolatedContainers, plainContainers, type Containers } from './support/containers.js';
import { readDockerfile, settingsOf } from './support/dockerfile.js';
import { buildImage, canBuildImage, MAX_BUILD_SECONDS, type BuiltImage } from './support/image.js';

// Three processes that load real networks, on two slow, busy cores.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
/** Half of it is the model; so that growth is seen. */
const MAX_APP_MIB = 275;

const isolated = canIsolate();
if (!isolated) {
  process.stderr.write('network namespaces can not be made here: the services run as plain processes\n');
}

const fromImage = isolated && canBuildImage();

const { transmitter, channel, receiver } = await readCompose();
const services = { transmitter: transmitter!, channel: channel!, receiver: receiver! };
type Name = keyof typeof services;
const names = Object.keys(services) as Name[];

/** What GET says, asked from within a service's container. */
async function get(from: Name, url: string): Promise<string> {
  const script = `const a = await fetch(process.argv[1]); process.stdout.write(await a.text()); process.exit(a.ok ? 0 : 1)`;
  const { code, stdout, stderr } = await containers.exec(from, ['node', '--input-type=module', '-e', script, url]);
  expect(code, stderr).toBe(0);
  return stdout;
}

let image: BuiltImage | undefined;
let containers: Containers;
const running = {} as Record<Name, TestProcess>;

const place = fromImage ? 'from the image' : isolated ? 'in network namespaces' : 'in plain processes';

describe(`the services as docker-compose.yml starts them, ${place}`, () => {
  beforeAll(
    async () => {
      image = fromImage ? await buildImage() : undefined;
      const { stages } = await readDockerfile();
      containers = await (isolated
        ? isolatedContainers({ services, stages, image })
        : plainContainers({ services, stages }));
      // The last one first: none may depend on the order.
      for (const name of names) {
        running[name] = containers.start(name);
      }
    },
    (MAX_BUILD_SECONDS + 60) * 1000,
  );
  afterAll(async () => {
    await containers?.close();
    await image?.remove();
  });

  it.runIf(fromImage)('the image starts as the Dockerfile says, and has what its user runs, and no more', async () => {
    const { settings, root } = image!;
    expect(settings).toMatchObject(settingsOf((await readDockerfile()).stages.get('cpu')!));
    const app = join(root, settings.workdir);
    const files = await readdir(app, { recursive: true, withFileTypes: true });
    const superfluous = files.filter(
      ({ name, parentPath }) =>
        /\.musl\.node$|\.tsbuildinfo$|\.d\.ts$|\.dll$|\.dylib$/.test(name) ||
        (name === 'src' && !parentPath.includes('node_modules')),
    );
    expect(superfluous.map(({ name, parentPath }) => join(parentPath, name))).toEqual([]);
    expect(spawnSync('du', ['-sm', app], { encoding: 'utf8' }).stdout).toSatisfy(
      (text: string) => Number.parseInt(text, 10) < MAX_APP_MIB,
    );
  });

  it.runIf(fromImage)('every library has in the image what it needs, and that of CUDA would be missed', async () => {
    const check = async (...libraries: string[]): Promise<unknown> =>
      await containers.exec('receiver', ['sh', 'deploy/docker/check-libraries.sh', 'node_modules', ...libraries]);
    expect(await check()).toMatchObject({ code: 0, stderr: '' });
    const name = 'libonnxruntime_providers_cuda.so';
    expect(await check(name)).toMatchObject({ code: 1, stderr: `missing: ${name} in node_modules\n` });
  });

  it.each(names)('%s becomes healthy, by the health check of the file', async (name) => {
    const [, ...check] = services[name].healthcheck!.test;
    await running[name].until('listening', ({ stderr }) => /listens|started/.test(stderr), 180_000);
    expect(await containers.exec(name, check)).toMatchObject({ code: 0, stderr: '' });
  });

  it('a photograph gets through', async () => {
    let status: TransmitterStatus | undefined;
    await waitFor('a completed frame', async () => {
      status = JSON.parse(await get('transmitter', 'http://127.0.0.1:7403/stream')) as TransmitterStatus;
      return status.frames.completed > 0;
    });
    const { environment } = services.transmitter;
    expect(status).toMatchObject({
      link: { state: 'open' },
      failure: null,
      settings: {
        // None is set: the bundle's own.
        cbr: '1/24',
        decoder: environment!['SEMCAST_TRANSMITTER_DECODER'],
        size: Number(environment!['SEMCAST_TRANSMITTER_SIZE']),
        fps: Number(environment!['SEMCAST_TRANSMITTER_FPS']),
      },
    });
    expect(status!.source.photographs).toBeGreaterThan(1);
    expect(status!.recent[0]).toMatchObject({ kind: 'completed' });
    const picture = await containers.exec('transmitter', [
      'node',
      '--input-type=module',
      '-e',
      `const a = await fetch('http://127.0.0.1:7403/pictures/${status!.recent[0]!.frame}/final');
       const b = Buffer.from(await a.arrayBuffer());
       console.log(a.status, a.headers.get('content-type'), b.length > 10_000, b.toString('latin1', 1, 4));`,
    ]);
    expect(picture.stdout).toBe('200 image/png true PNG\n');
    expect(JSON.parse(await get('transmitter', 'http://127.0.0.1:7403/readyz'))).toEqual({ ready: true, reasons: [] });
  });

  it('each is reached by its name from another, as Prometheus reaches it', async () => {
    const counted = (text: string): RegExpExecArray | null =>
      /^semcast_frames_total\{stage="\w+",outcome="(?:completed|forwarded)"\} [1-9]/m.exec(text);
    expect(counted(await get('transmitter', 'http://channel:7401/metrics'))).not.toBeNull();
    expect(counted(await get('channel', 'http://receiver:7402/metrics'))).not.toBeNull();
    expect(counted(await get('receiver', 'http://transmitter:7403/metrics'))).not.toBeNull();
  });

  it.runIf(isolated).each(names)('%s runs as who the file says, alone, and can gain nothing', (name) => {
    const status = readFileSync(`/proc/${running[name].pid}/status`, 'utf8');
    const field = (key: string): string => new RegExp(`^${key}:[ \\t]*(.*)$`, 'm').exec(status)![1]!.trim();
    const [uid, gid] = services[name].user!.split(':');
    // What runs is the service itself by now, not what put it into its place.
    const [command, script, role] = readFileSync(`/proc/${running[name].pid}/cmdline`, 'utf8').split('\0');
    expect([command, script, role]).toEqual(['node', '/app/apps/cli/bin/semcast.js', name]);
    expect(new Set(field('Uid').split(/\s+/))).toEqual(new Set([uid]));
    expect(new Set(field('Gid').split(/\s+/))).toEqual(new Set([gid]));
    expect(field('Groups')).toBe('');
    expect(Number(`0x${field('CapEff')}`)).toBe(0);
    expect(field('NoNewPrivs')).toBe('1');
    const namespaceOf = (pid: number): string => readlinkSync(`/proc/${pid}/ns/net`);
    const all = [process.pid, ...names.map((other) => running[other].pid)].map(namespaceOf);
    expect(new Set(all).size).toBe(4);
  });

  it.runIf(isolated)('nothing can be written, but to the temporary folder', async () => {
    const touch = async (path: string): Promise<number | null> =>
      (await containers.exec('receiver', ['touch', path])).code;
    expect(await touch('/tmp/file')).toBe(0);
    for (const path of ['/file', '/app/file', '/app/apps/cli/file', '/bundle/file', '/etc/file', '/usr/file']) {
      expect(await touch(path), path).not.toBe(0);
    }
  });

  it('end well when they are told to, and have complained of nothing', async () => {
    for (const name of names) {
      running[name].kill('SIGTERM');
      expect(await running[name].ended, name).toEqual({ code: 0, signal: null });
    }
    const errors = names.flatMap((name) =>
      running[name].stderr.split('\n').filter((line) => /"level":"(?:error|fatal)"/.test(line)),
    );
    expect(errors).toEqual([]);
  });
});
