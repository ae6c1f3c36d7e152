import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REPOSITORY_ROOT } from '@semcast/deploy';
import { createProcessKeeper, freePorts, type ProcessOptions, type TestProcess } from '@semcast/testkit';
import { containerPort, type ComposeService } from './compose.js';
import { settingsOf, type ImageSettings, type Stage } from './dockerfile.js';
import type { BuiltImage } from './image.js';

/** Services of docker-compose.yml, run as it says, without a container engine. */
export interface Containers {
  /** Start a service: entry point of its image, command, environment, user, mounts. */
  start(service: string): TestProcess;
  /** Run a command beside a service, as `docker compose exec` does. */
  exec(service: string, command: readonly string[]): Promise<ExecResult>;
  /** End all processes and take down what was put up for them. */
  close(): Promise<void>;
}

export interface ExecResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ContainersOptions {
  readonly services: Readonly<Record<string, ComposeService>>;
  /** Stages of the Dockerfile, which know the entry point. */
  readonly stages: ReadonlyMap<string, Stage>;
}

export interface IsolatedContainersOptions extends ContainersOptions {
  /** What the containers are made of; without one, this checkout and what else is on this machine. */
  readonly image?: BuiltImage | undefined;
}

const SCRIPT = fileURLToPath(new URL('container.sh', import.meta.url));
const FORWARD = fileURLToPath(new URL('forward.mjs', import.meta.url));

/**
 * Whether this machine lets tests make network and mount namespaces: as root on Linux, with iproute2 and util-linux,
 * outside of containers that forbid it.
 */
export function canIsolate(): boolean {
  const name = `semcast-probe-${process.pid}`;
  const ip = (...args: string[]): boolean => spawnSync('ip', args, { stdio: 'ignore' }).status === 0;
  if (process.getuid?.() !== 0 || !ip('netns', 'add', name)) {
    return false;
  }
  const probe =
    'PATH=$PATH:/usr/sbin:/sbin && mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && ' +
    'chroot / setpriv --bounding-set=-all true';
  const works = ip('netns', 'exec', name, 'sh', '-c', probe);
  ip('netns', 'del', name);
  return works;
}

interface Launch {
  /** Entry point and command. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workdir: string;
  /** `[source on this machine, target]`, all read-only. */
  readonly mounts: readonly (readonly [string, string])[];
  /** `[target, options]` */
  readonly tmpfs: readonly (readonly [string, string])[];
}

/** What an engine would start. `mounts` come before those of the service. */
function launchOf(service: ComposeService, image: ImageSettings, mounts: Launch['mounts']): Launch {
  const pairs = (entries: readonly string[]): [string, string][] =>
    entries.map((entry) => entry.split(':').slice(0, 2) as [string, string]);
  const binds = pairs(service.volumes ?? []).map(
    ([source, target]) => [resolve(REPOSITORY_ROOT, source), target] as const,
  );
  return {
    argv: [...image.entrypoint, ...(service.command ?? [])],
    env: { ...image.env, ...service.environment },
    user: service.user ?? image.user,
    workdir: image.workdir,
    mounts: [...mounts, ...binds],
    tmpfs: pairs(service.tmpfs ?? []),
  };
}

/** What is in the checkout, one by one: its own folder may be closed to others, as temporary ones are. */
function checkoutAt(workdir: string): [string, string][] {
  return readdirSync(REPOSITORY_ROOT).map((name) => [join(REPOSITORY_ROOT, name), join(workdir, name)]);
}

function launchesOf({ services, stages, image }: IsolatedContainersOptions): Map<string, Launch> {
  return new Map(
    Object.entries(services).map(([name, service]) => {
      if (image !== undefined) {
        return [name, launchOf(service, image.settings, [])];
      }
      // In place of the image's `/app`, this checkout: the Dockerfile copies and builds the same.
      const settings = settingsOf(stages.get(service.build!.target)!);
      return [name, launchOf(service, settings, checkoutAt(settings.workdir))];
    }),
  );
}

/**
 * Each service in a network namespace of its own, with an address that its name stands for everywhere.
 *
 * The namespaces have no cable between them, because not every kernel has virtual ones: in each, a process listens at
 * the addresses of the others and carries what comes there over, as an engine's proxy does for published ports.
 */
export async function isolatedContainers(options: IsolatedContainersOptions): Promise<Containers> {
  const launches = launchesOf(options);
  const keeper = createProcessKeeper();
  const dir = await mkdtemp(join(tmpdir(), 'semcast-containers-'));
  const namespaceOf = (name: string): string => `semcast-${process.pid}-${name}`;
  const created: string[] = [];
  const ip = (...args: string[]): void => {
    const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
    if (status !== 0) {
      throw new Error(`ip ${args.join(' ')}: ${stderr}`);
    }
  };
  const close = async (): Promise<void> => {
    await keeper.killAll();
    for (const namespace of created.splice(0)) {
      ip('netns', 'del', namespace);
    }
    await rm(dir, { recursive: true });
  };

  const hosts = join(dir, 'hosts');
  const root = join(dir, 'root');
  const places = Object.entries(options.services).map(([name, { ports = [] }], index) => ({
    name,
    listens: { host: `10.89.0.${index + 2}`, port: containerPort(ports[0]!) },
    socket: { path: join(dir, `${name}.sock`) },
  }));
  try {
    await mkdir(root);
    const lines = places.map(({ name, listens: { host } }) => `${host} ${name}`);
    await writeFile(hosts, ['127.0.0.1 localhost', ...lines, ''].join('\n'));
    for (const { name } of places) {
      const namespace = namespaceOf(name);
      ip('netns', 'add', namespace);
      created.push(namespace);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      for (const { listens } of places) {
        ip('-n', namespace, 'address', 'add', `${listens.host}/32`, 'dev', 'lo');
      }
      const routes = places.map(({ name: other, listens, socket }) =>
        // Its own address, not the loopback's: a service that listens on that only isn't reached, as in a container.
        other === name ? { from: socket, to: listens } : { from: listens, to: socket },
      );
      keeper.start({
        command: 'ip',
        args: ['netns', 'exec', namespace, process.execPath, FORWARD, JSON.stringify(routes)],
      });
    }
  } catch (error) {
    await close();
    throw error;
  }

  const inside = (name: string, argv: readonly string[]): ProcessOptions => {
    const { env, user, workdir, mounts, tmpfs } = launches.get(name)!;
    const all = { PATH: '/opt/node:/usr/local/bin:/usr/bin:/bin', ...env };
    return {
      command: 'ip',
      args: [
        'netns',
        'exec',
        namespaceOf(name),
        'sh',
        SCRIPT,
        root,
        hosts,
        ...(options.image === undefined ? ['--machine', process.execPath] : ['--image', options.image.root]),
        user,
        ...mounts.flatMap(([source, target]) => ['--ro', source, target]),
        ...tmpfs.flatMap(([target, settings]) => ['--tmpfs', target, settings]),
        '--',
        'env',
        '-i',
        `--chdir=${workdir}`,
        ...Object.entries(all).map(([key, value]) => `${key}=${value}`),
        ...argv,
      ],
    };
  };
  return {
    start: (name) => keeper.start(inside(name, launches.get(name)!.argv)),
    exec: async (name, command) => await toItsEnd(keeper.start(inside(name, command))),
    close,
  };
}

/** The same settings in plain processes on this machine: names and ports are mapped to free ports of the loopback. */
export async function plainContainers(options: ContainersOptions): Promise<Containers> {
  const launches = launchesOf(options);
  const keeper = createProcessKeeper();
  const ports = Object.values(options.services).flatMap(({ ports: published = [] }) => published.map(containerPort));
  const free = await freePorts(ports.length);
  const mapped = new Map(ports.map((port, i) => [String(port), String(free[i])]));
  const names = [...launches.keys()].join('|');
  const map = (text: string, { mounts }: Launch): string => {
    const port = mapped.get(text);
    if (port !== undefined) {
      return port;
    }
    const url = text.replaceAll(
      new RegExp(`//(?:${names}|127\\.0\\.0\\.1):(\\d+)`, 'g'),
      (_, inner: string) => `//127.0.0.1:${mapped.get(inner) ?? inner}`,
    );
    const mount = mounts.find(([, target]) => url === target || url.startsWith(`${target}/`));
    return mount === undefined ? url : mount[0] + url.slice(mount[1].length);
  };
  const inside = (name: string, argv: readonly string[]): ProcessOptions => {
    const launch = launches.get(name)!;
    const [command, ...args] = argv.map((argument) => map(argument, launch));
    return {
      command: command === 'node' ? process.execPath : command!,
      args,
      env: Object.fromEntries(Object.entries(launch.env).map(([key, value]) => [key, map(value, launch)])),
      cwd: REPOSITORY_ROOT,
    };
  };
  return {
    start: (name) => keeper.start(inside(name, launches.get(name)!.argv)),
    exec: async (name, command) => await toItsEnd(keeper.start(inside(name, command))),
    close: async () => await keeper.killAll(),
  };
}

async function toItsEnd(child: TestProcess): Promise<ExecResult> {
  const { code } = await child.ended;
  return { code, stdout: child.stdout, stderr: child.stderr };
}
