import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY_ROOT } from '@semcast/deploy';
import { findProgram } from '@semcast/testkit';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  containerPort,
  readCompose,
  readComposeText,
  readEnvFile,
  servicesIn,
  variablesOf,
  type ComposeService,
} from './support/compose.js';
import { readDockerfile, settingsOf } from './support/dockerfile.js';

const dockerCompose = findProgram('docker-compose', 'docker-compose');
const GPU_ENV = 'deploy/docker/gpu.env';
const SCALE_ENV = 'deploy/docker/scale.env';
/** Our own; the others come as they are. */
const SERVICES = ['transmitter', 'channel', 'receiver', 'receiver-gpu', 'receiver-ingest', 'receiver-decode'];
/** Reads counters of the GPU's driver, which takes root. */
const PRIVILEGED = 'dcgm-exporter';

const services = await readCompose();
const all = Object.entries(services);

describe.skipIf(dockerCompose === undefined)('docker-compose', () => {
  /** `docker-compose config`, with nothing of the machine's own settings. */
  function config(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return configWith({}, ...args);
  }
  function configWith(
    settings: Readonly<Record<string, string>>,
    ...args: string[]
  ): { status: number | null; stdout: string; stderr: string } {
    const env = { PATH: process.env['PATH'], ...settings };
    return spawnSync(dockerCompose!, args, { cwd: REPOSITORY_ROOT, env, encoding: 'utf8' });
  }

  it.each([
    ['by itself', []],
    ['with .env.example', ['--env-file', '.env.example']],
    ['for a GPU', ['--env-file', GPU_ENV]],
    ['for several receivers', ['--env-file', SCALE_ENV]],
  ])('accepts the file %s', (_, args) => {
    expect(config(...args, 'config', '--quiet')).toMatchObject({ status: 0, stderr: '' });
  });

  it('accepts, all together, the settings that the documents propose, and they have no other way to start', async () => {
    const texts = await Promise.all(
      ['README.md', 'deploy/README.md'].map(async (file) => await readFile(join(REPOSITORY_ROOT, file), 'utf8')),
    );
    const text = texts.join('\n');
    const starts = [...text.matchAll(/^docker compose(.*?) up\b/gm)].map(([, args]) => args!.trim());
    expect(new Set(starts)).toEqual(new Set(['', `--env-file ${GPU_ENV}`, `--env-file ${SCALE_ENV}`]));
    const pairs = [...text.matchAll(/`((?:[A-Z_]+=[^ `]+ ?)+)`/g)].flatMap(([, words]) => words!.trim().split(' '));
    const proposed = Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]));
    expect(Object.keys(proposed).length).toBeGreaterThan(5);
    expect([...variablesOf(await readComposeText()).keys()]).toEqual(expect.arrayContaining(Object.keys(proposed)));
    expect(configWith(proposed, 'config', '--quiet')).toMatchObject({ status: 0, stderr: '' });
  });

  it('reads in it what these tests read in it', () => {
    interface Resolved {
      readonly services: Readonly<Record<string, ComposeService>>;
    }
    const resolved = parse(config('--env-file', '.env.example', 'config').stdout) as Resolved;
    expect(Object.keys(resolved.services).sort()).toEqual(Object.keys(services).sort());
    for (const [name, { command, environment, user, ports = [] }] of all) {
      expect(resolved.services[name], name).toMatchObject({
        ...(command === undefined ? {} : { command }),
        ...(environment === undefined ? {} : { environment }),
        ...(user === undefined ? {} : { user }),
        ...(ports.length === 0 ? {} : { ports: ports.map((port) => `${port}/tcp`) }),
      });
    }
  });
});

describe('profiles', () => {
  it('start everything on the processor by default', () => {
    expect(Object.keys(servicesIn(services, [])).sort()).toEqual(
      ['channel', 'grafana', 'prometheus', 'receiver', 'transmitter'].sort(),
    );
  });

  it('start the other receiver on a GPU, which the channel then talks to', async () => {
    const env = await readEnvFile(GPU_ENV);
    const started = servicesIn(await readCompose(env), env['COMPOSE_PROFILES']!.split(','));
    expect(Object.keys(started).sort()).toEqual(
      ['channel', 'dcgm-exporter', 'grafana', 'prometheus', 'receiver-gpu', 'transmitter'].sort(),
    );
    expect(started['channel']!.environment!['SEMCAST_CHANNEL_RECEIVER_URL']).toBe('ws://receiver-gpu:7402');
    const gpu = started['receiver-gpu']!;
    expect(gpu.environment!['SEMCAST_RECEIVER_DEVICE']).toBe('cuda');
    expect(gpu.build!.target).toBe('cuda');
    expect(gpu.deploy.resources.reservations!.devices).toEqual([{ driver: 'nvidia', count: 1, capabilities: ['gpu'] }]);
  });
});

describe('the profile scale', () => {
  it('puts a queue between one receiver with links and others that decode', async () => {
    const env = await readEnvFile(SCALE_ENV);
    const started = servicesIn(await readCompose(env), env['COMPOSE_PROFILES']!.split(','));
    expect(Object.keys(started).sort()).toEqual(
      ['channel', 'grafana', 'nats', 'prometheus', 'receiver-decode', 'receiver-ingest', 'transmitter'].sort(),
    );
    expect(started['channel']!.environment!['SEMCAST_CHANNEL_RECEIVER_URL']).toBe('ws://receiver-ingest:7402');
    for (const role of ['ingest', 'decode']) {
      expect(started[`receiver-${role}`]!.environment).toMatchObject({
        SEMCAST_RECEIVER_ROLE: role,
        SEMCAST_RECEIVER_QUEUE: 'nats://nats:4222',
      });
    }
    expect(started['nats']!.ports!.map(containerPort)).toEqual([4222]);
  });
});

describe('variables', () => {
  it('have one default each, and .env.example tells of every one, with it', async () => {
    const variables = variablesOf(await readComposeText());
    const defaults = [...variables].map(([name, values]) => [name, [...values].join(' or ')]);
    expect(Object.fromEntries(defaults)).toEqual(await readEnvFile('.env.example'));
  });

  it('are all written so that these tests see them', async () => {
    const text = (await readComposeText()).replaceAll(/^#.*$/gm, '');
    expect(text.match(/\$/g)!.length).toBe([...text.matchAll(/\$\{[A-Z0-9_]+:-[^}]*\}/g)].length);
  });

  it('of the GPU are known', async () => {
    const known = new Set([...variablesOf(await readComposeText()).keys(), 'COMPOSE_PROFILES']);
    expect(Object.keys(await readEnvFile(GPU_ENV)).filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('containers', () => {
  it.each(SERVICES)('%s knows the names by which the others call it', (name) => {
    const allowed = Object.entries(services[name]!.environment!).find(([key]) => key.endsWith('_ALLOWED_HOSTS'));
    expect(allowed?.[1].split(',')).toEqual(SERVICES);
  });

  it.each(all)('%s: a pinned image, limits, bounded logs, and a restart', (_, service) => {
    expect(service.image).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+/);
    expect(service.restart).toBe('unless-stopped');
    expect(Number(service.deploy.resources.limits.cpus)).toBeGreaterThan(0);
    expect(service.deploy.resources.limits.memory).toMatch(/^\d+[mg]$/);
    expect(service.logging).toMatchObject({ options: { 'max-size': '10m', 'max-file': '3' } });
  });

  it.each(all.filter(([name]) => name !== PRIVILEGED))(
    '%s: not root, nothing writable, nothing more to gain',
    (_, s) => {
      expect(s.user).toMatch(/^[1-9]\d*:\d+$/);
      expect(s).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect(s.cap_add).toBeUndefined();
      expect(s.healthcheck).toBeDefined();
      // Reachable from this machine only, unless one says otherwise.
      expect(s.ports!.every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
      const writable = (s.volumes ?? []).filter((volume) => !volume.endsWith(':ro'));
      expect(writable.filter((volume) => !/^(prometheus|grafana)-data:/.test(volume))).toEqual([]);
    },
  );

  it.each(SERVICES)('%s listens where it is looked for: health check, published port, Prometheus', async (name) => {
    const { environment = {}, ports = [], healthcheck, command } = services[name]!;
    const role = command![0]!;
    const port = Number(environment[`SEMCAST_${role.toUpperCase()}_PORT`]);
    expect(environment[`SEMCAST_${role.toUpperCase()}_HOST`]).toBe('0.0.0.0');
    expect(ports.map(containerPort)).toEqual([port]);
    expect(healthcheck!.test).toEqual(['CMD', 'node', '/app/deploy/docker/healthcheck.mjs', String(port)]);
    const prometheus = parse(await readFile(join(REPOSITORY_ROOT, 'deploy/prometheus/prometheus.yml'), 'utf8')) as {
      scrape_configs: { job_name: string; dns_sd_configs?: { names: string[]; type: string; port: number }[] }[];
    };
    const job = prometheus.scrape_configs.find(({ job_name: jobName }) => jobName === role)!;
    expect(job.dns_sd_configs).toEqual([expect.objectContaining({ type: 'A', port })]);
    expect(job.dns_sd_configs![0]!.names).toContain(name);
  });

  it('mount what is there', () => {
    const sources = all.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0]!));
    const paths = sources.filter((source) => source.startsWith('.'));
    expect(paths.length).toBeGreaterThan(4);
    expect(paths.filter((path) => !existsSync(join(REPOSITORY_ROOT, path)))).toEqual([]);
  });

  it('Grafana finds Prometheus, and the dashboards where they are mounted', async () => {
    const read = async (file: string): Promise<string> =>
      await readFile(join(REPOSITORY_ROOT, 'deploy/grafana/provisioning', file), 'utf8');
    const { datasources } = parse(await read('datasources/prometheus.yml')) as { datasources: { url: string }[] };
    const url = new URL(datasources[0]!.url);
    expect(services[url.hostname]!.ports!.map(containerPort)).toEqual([Number(url.port)]);
    const { providers } = parse(await read('dashboards/semcast.yml')) as { providers: { options: { path: string } }[] };
    const mounts = services['grafana']!.volumes!.map((volume) => volume.split(':')[1]);
    expect(mounts).toContain(providers[0]!.options.path);
  });
});

describe('the Dockerfile', () => {
  it('has a stage for each image that the services want, which starts as they expect', async () => {
    const { stages } = await readDockerfile();
    for (const name of SERVICES) {
      const { build, user } = services[name]!;
      expect(build!.dockerfile).toBe('deploy/docker/Dockerfile');
      const settings = settingsOf(stages.get(build!.target)!);
      expect(settings).toMatchObject({ user, workdir: '/app', env: { NODE_ENV: 'production' } });
      expect(settings.entrypoint[0]).toBe('node');
      expect(existsSync(join(REPOSITORY_ROOT, settings.entrypoint[1]!.replace(/^\/app\//, '')))).toBe(true);
    }
  });

  it('builds upon pinned images, with the package manager of the checkout', async () => {
    const { args, stages } = await readDockerfile();
    for (const { base } of stages.values()) {
      expect(stages.has(base) || /^[\w/]+:\d+\.\d+\.\d+-/.test(base), base).toBe(true);
    }
    const manifest = JSON.parse(await readFile(join(REPOSITORY_ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
      engines: { node: string };
    };
    const pnpm = stages.get('build')!.instructions.find(({ rest }) => rest.startsWith('PNPM_VERSION='))!.rest;
    expect(manifest.scripts['setup']).toContain(`pnpm@${pnpm.split('=')[1]} `);
    expect(Number(/node:(\d+)/.exec(args['NODE_IMAGE']!)![1])).toBeGreaterThanOrEqual(
      Number(/\d+/.exec(manifest.engines.node)![0]),
    );
  });

  it('fails on a library that is not there, in both images', async () => {
    const { stages } = await readDockerfile();
    const checks = (stage: string): string[] =>
      stages
        .get(stage)!
        .instructions.filter(({ name, rest }) => name === 'RUN' && rest.includes('check-libraries.sh'))
        .map(({ rest }) => rest);
    expect(checks('build')).toHaveLength(1);
    expect(checks('cuda').join('')).toContain('libonnxruntime_providers_cuda.so');
    // It comes along, and would fail the check: the base has no TensorRT.
    const install = stages.get('cuda-libraries')!.instructions.at(-1)!.rest;
    expect(install).toMatch(/install\.js .*rm -f .*libonnxruntime_providers_tensorrt\.so/);
  });

  it('is sent what it needs, and nothing that it makes itself', async () => {
    const lines = (await readFile(join(REPOSITORY_ROOT, '.dockerignore'), 'utf8'))
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines[0]).toBe('*');
    const sent = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(sent.filter((path) => !existsSync(join(REPOSITORY_ROOT, path)))).toEqual([]);
    expect(sent).toEqual(
      expect.arrayContaining(['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'apps', 'packages', 'models/natural']),
    );
    expect(lines).toEqual(expect.arrayContaining(['**/node_modules', '**/dist']));
  });
});
