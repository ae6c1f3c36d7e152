import { fork, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect, eventually, getJson, makeFrame, startReceiver, TOY_BUNDLE } from './helpers.js';

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'semcast-receiver-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A copy of the toy bundle, to be broken. */
async function copyBundle(name: string): Promise<string> {
  const dir = path.join(folder, name);
  await cp(TOY_BUNDLE, dir, { recursive: true });
  return dir;
}

interface Run {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly stdout: () => string;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
}

const children = new Set<ChildProcess>();

// Also after a test that failed.
afterEach(() => {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  children.clear();
});

function watch(child: ChildProcess): Run {
  children.add(child);
  let stderr = '';
  let stdout = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  // Not 'close': that doesn't come when it was the parent who disconnected.
  const outputs = [child.stdout!, child.stderr!].map(async (stream) => finished(stream));
  const ended = once(child, 'exit').then(async ([code, signal]) => {
    await Promise.all(outputs);
    return { code: code as number | null, signal: signal as string | null };
  });
  return { child, stderr: () => stderr, stdout: () => stdout, ended };
}

function runForked(flags: Record<string, unknown>): Run {
  const argument = JSON.stringify({ bundle: TOY_BUNDLE, workers: 1, port: 0, ...flags });
  return watch(fork(script('run-receiver.mjs'), [argument], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }));
}

describe('boot', () => {
  it('refuses a busy port, names it, and leaves nothing open', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const failure = await startReceiver({ port }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'E_PORT_BUSY' });
      expect((failure as Error).message).toContain(String(port));
      const run = runForked({ port, 'log-level': 'silent' });
      expect(await run.ended).toEqual({ code: 1, signal: null });
      expect(run.stderr()).toMatch(/^receiver: .*E_PORT_BUSY\]\n$/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('names a bundle that is not there', async () => {
    const failure = await startReceiver({ bundle: path.join(folder, 'none') }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'E_BUNDLE_MISSING', message: expect.stringContaining('none') as string });
    const run = runForked({ bundle: path.join(folder, 'none'), 'log-level': 'silent' });
    expect(await run.ended).toEqual({ code: 1, signal: null });
    expect(run.stderr()).toMatch(/^receiver: .*E_BUNDLE_MISSING\]\n$/);
  });

  it('refuses an ONNX file that is not the one of its bundle', async () => {
    const bundle = await copyBundle('corrupt');
    await writeFile(path.join(bundle, 'decoder.onnx'), 'this is no graph');
    await expect(startReceiver({ bundle })).rejects.toMatchObject({
      code: 'E_BUNDLE_HASH',
      message: expect.stringContaining('decoder.onnx') as string,
    });
  });

  it('refuses a file that is no graph, though its bundle knows it', async () => {
    const bundle = await copyBundle('nonsense');
    const nonsense = 'this is no graph';
    await writeFile(path.join(bundle, 'decoder.onnx'), nonsense);
    const manifest = await readFile(path.join(bundle, 'bundle.json'), 'utf8');
    const { graphs } = JSON.parse(manifest) as { graphs: { decoder: { sha256: string } } };
    const sha256 = createHash('sha256').update(nonsense).digest('hex');
    await writeFile(path.join(bundle, 'bundle.json'), manifest.replace(graphs.decoder.sha256, sha256));
    await expect(startReceiver({ bundle })).rejects.toMatchObject({ code: 'E_BUNDLE_GRAPH' });
  });

  it('names an output folder that it can not write to', async () => {
    const file = path.join(folder, 'a-file');
    await writeFile(file, '');
    await expect(startReceiver({ outputDir: path.join(file, 'below') })).rejects.toMatchObject({
      code: 'E_OUTPUT_DIR',
    });
  });

  it('ends with 2 and a message on a wrong configuration', async () => {
    const run = runForked({ creditPerStream: 7, maxQueue: 3, maxStreams: 9 });
    expect(await run.ended).toEqual({ code: 2, signal: null });
    expect(run.stderr()).toContain('did you mean "--creditsPerStream"');
    expect(run.stderr()).toContain('maxStreams (9)');
  });

  it('prints its configuration without secrets, and ends', async () => {
    const run = runForked({ printConfig: true, token: 'hush' });
    expect((await run.ended).code).toBe(0);
    expect(run.stdout()).toContain('creditsPerStream: 8');
    expect(run.stdout()).not.toContain('hush');
  });
});

describe('the process', () => {
  it('tells its parent when it is ready, and ends cleanly on SIGTERM', async () => {
    const run = runForked({});
    const [message] = (await once(run.child, 'message')) as [{ type: string; httpUrl: string; wsUrl: string }];
    expect(message).toMatchObject({ type: 'ready', wsUrl: expect.stringMatching(/^ws:/) as string });
    expect((await getJson(`${message.httpUrl}/readyz`)).status).toBe(200);
    run.child.kill('SIGTERM');
    expect(await run.ended).toEqual({ code: 0, signal: null });
    const lines = run.stderr().trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { service: string }).service)).toEqual(lines.map(() => 'receiver'));
  });

  it('ends cleanly when its parent is gone', async () => {
    const run = runForked({ 'log-level': 'silent' });
    await once(run.child, 'message');
    run.child.disconnect();
    expect(await run.ended).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['start-and-stop.mjs', 'closed'],
    ['fail-and-stop.mjs', 'E_PORT_BUSY'],
  ])('leaves no handle behind (%s)', async (name, word) => {
    const run = watch(spawn(process.execPath, [script(name), TOY_BUNDLE], { stdio: ['ignore', 'pipe', 'pipe'] }));
    const { code } = await run.ended;
    expect({ code, stdout: run.stdout() }).toEqual({ code: 0, stdout: `${word}\n` });
  });
});

describe('a graph that never ends', () => {
  /** A bundle that is what its manifest says, and whose decoder never ends at CBR 1/4. */
  async function endlessBundle(): Promise<string> {
    const dir = await copyBundle('endless');
    const graph = await readFile(path.join(path.dirname(TOY_BUNDLE), 'endless-decoder.onnx'));
    await writeFile(path.join(dir, 'decoder.onnx'), graph);
    const manifest = path.join(dir, 'bundle.json');
    const { graphs, ...rest } = JSON.parse(await readFile(manifest, 'utf8')) as { graphs: object };
    const decoder = { file: 'decoder.onnx', sha256: createHash('sha256').update(graph).digest('hex') };
    await writeFile(manifest, JSON.stringify({ ...rest, graphs: { ...graphs, decoder } }));
    return dir;
  }

  it('costs its frame, by name, and one thread; when too many threads are lost the process ends, to be started again', async () => {
    const bundle = await endlessBundle();
    const bundleDigest = createHash('sha256')
      .update(await readFile(path.join(bundle, 'bundle.json')))
      .digest('hex');
    const run = runForked({ bundle, maxRunMs: 1000, residual: false, logLevel: 'warn' });
    const [{ wsUrl }] = (await once(run.child, 'message')) as [{ wsUrl: string }];
    const client = connect(wsUrl);
    const endless = { cbr: '1/4', iq: new Float32Array(96).fill(0.5), bundleDigest };
    await client.link.send(makeFrame(0, endless));
    await client.link.send(makeFrame(1, { bundleDigest }));
    await client.link.idle();
    expect(client.results.map(({ head }) => head.frame)).toEqual([1]);
    await client.link.send(makeFrame(2, endless));
    await eventually(() => expect(client.drops).toHaveLength(2));
    for (const drop of client.drops) {
      expect(drop).toMatchObject({
        reason: 'decode-failed',
        detail: expect.stringMatching(/longer than 1 s/) as string,
      });
    }
    // At its exit it waits for the threads, as long as it may; nothing else could end them.
    expect(await run.ended).toEqual({ code: null, signal: 'SIGKILL' });
    expect(run.stderr()).toMatch(/receiver: a run of the graph "decoder" took longer than 1 s/);
    await client.link.close();
  });
});
