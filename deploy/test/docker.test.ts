import { spawn, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { REPOSITORY_ROOT } from '@semcast/deploy';
import { findProgram } from '@semcast/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const DOCKER = join(REPOSITORY_ROOT, 'deploy', 'docker');

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'semcast-docker-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

describe('healthcheck.mjs', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
  });

  /** A service whose /healthz answers so. */
  async function serve(status: number): Promise<number> {
    server = createServer((request, response) => {
      response.statusCode = request.url === '/healthz' ? status : 404;
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function check(port: number): Promise<{ code: number; stderr: string }> {
    const child = spawn(process.execPath, [join(DOCKER, 'healthcheck.mjs'), String(port)]);
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, stderr };
  }

  it('is content with a service that answers', async () => {
    expect(await check(await serve(200))).toEqual({ code: 0, stderr: '' });
  });

  it('tells of one that fails, and of none', async () => {
    const port = await serve(500);
    const failing = await check(port);
    expect(failing.code).toBe(1);
    expect(failing.stderr).toContain('500');
    server!.close();
    server!.closeAllConnections();
    await once(server!, 'close');
    expect((await check(port)).code).toBe(1);
  });
});

describe('prune.sh', () => {
  it('leaves what the image runs, where its user can read it', async () => {
    const folder = join(dir, 'checkout');
    const addons = 'node_modules/.pnpm/onnxruntime-node@1/node_modules/onnxruntime-node/bin/napi-v6';
    const kept = [
      `${addons}/${process.platform}/${process.arch}/libonnxruntime.so.1`,
      'node_modules/.pnpm/extract/node.napi.glibc.node',
      'node_modules/.pnpm/a/src/index.js',
      'apps/a/dist/main.js',
      'packages/b/dist/src/c.js',
      'models/m/decoder.weights',
    ];
    const pruned = [
      `${addons}/${process.platform}/other/libonnxruntime.so.1`,
      `${addons}/other/${process.arch}/onnxruntime.dll`,
      'node_modules/.pnpm/extract/node.napi.musl.node',
      'node_modules/.pnpm/a/index.d.ts',
      'apps/a/src/main.ts',
      'apps/a/dist/main.js.map',
      'apps/a/dist/.tsbuildinfo',
    ];
    for (const file of [...kept, ...pruned]) {
      await mkdir(dirname(join(folder, file)), { recursive: true, mode: 0o700 });
      await writeFile(join(folder, file), '', { mode: 0o600 });
    }
    expect(spawnSync('sh', [join(DOCKER, 'prune.sh'), folder], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const left = entries
      .filter((entry) => entry.isFile())
      .map((file) => relative(folder, join(file.parentPath, file.name)));
    expect(left.sort()).toEqual(kept.sort());
    const closed = entries.filter(({ parentPath, name }) => {
      const { mode } = statSync(join(parentPath, name));
      return (mode & 0o444) !== 0o444;
    });
    expect(closed.map(({ name }) => name)).toEqual([]);
  });
});

const ldd = findProgram('ldd', 'libc-bin');
const onnxruntime = (): string => {
  const bundle = createRequire(join(REPOSITORY_ROOT, 'packages', 'bundle', 'package.json'));
  const addon = join('bin', 'napi-v6', process.platform, process.arch);
  return join(dirname(bundle.resolve('onnxruntime-node/package.json')), addon);
};

describe('the libraries for CUDA', () => {
  it('are what the install script of ONNX Runtime fetches, and the image keeps or removes', () => {
    const script = join(onnxruntime(), '..', '..', '..', '..', 'script', 'install-metadata.js');
    const { requirements, manifests } = createRequire(script)(script) as {
      requirements: Readonly<Record<string, readonly string[]>>;
      manifests: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    expect(requirements['linux/x64']).toContain('cuda12');
    expect(Object.keys(manifests['linux/x64:cuda12']!).sort()).toEqual(
      ['cuda', 'shared', 'tensorrt'].map((name) => `./libonnxruntime_providers_${name}.so`),
    );
  });
});

describe.skipIf(ldd === undefined || process.platform !== 'linux')('check-libraries.sh', () => {
  function check(...args: string[]): { status: number | null; stderr: string } {
    return spawnSync('sh', [join(DOCKER, 'check-libraries.sh'), ...args], { encoding: 'utf8' });
  }

  it('accepts ONNX Runtime as it is installed', () => {
    expect(check(onnxruntime(), 'libonnxruntime.so.1')).toMatchObject({ status: 0, stderr: '' });
  });

  it('names a library that an addon needs and that is not there', async () => {
    const folder = join(dir, 'alone');
    await mkdir(folder);
    await copyFile(join(onnxruntime(), 'onnxruntime_binding.node'), join(folder, 'onnxruntime_binding.node'));
    const { status, stderr } = check(folder);
    expect(status).toBe(1);
    expect(stderr).toContain('libonnxruntime.so.1 => not found');
  });

  it('names a library that the image is for and that was not installed', () => {
    const { status, stderr } = check(onnxruntime(), 'libonnxruntime_providers_abacus.so');
    expect(status).toBe(1);
    expect(stderr).toContain('missing: libonnxruntime_providers_abacus.so');
  });

  it('is not content with a folder that has none', async () => {
    const folder = join(dir, 'none');
    await mkdir(folder);
    await writeFile(join(folder, 'readme.txt'), '');
    expect(check(folder).status).toBe(1);
  });
});
