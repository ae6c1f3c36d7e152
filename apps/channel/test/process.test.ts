import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { channelServiceConfigSchema, createChannelService } from '../src/index.js';
import { open, request, silent, startChannel } from './helpers.js';

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

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
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  // Not 'close': that doesn't come when it was the parent who disconnected.
  const outputs = [child.stdout!, child.stderr!].map(async (stream) => finished(stream));
  const ended = once(child, 'exit').then(async ([code, signal]) => {
    await Promise.all(outputs);
    return { code: code as number | null, signal: signal as string | null };
  });
  return { child, stderr: () => stderr, stdout: () => stdout, ended };
}

function runForked(flags: Record<string, unknown>): Run {
  return watch(fork(script('run-channel.mjs'), [JSON.stringify(flags)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }));
}

describe('boot', () => {
  it('refuses a busy port, names it, and leaves nothing open', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const failure = await startChannel({ port }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'E_PORT_BUSY' });
      expect((failure as Error).message).toContain(String(port));
      const run = runForked({ port, 'log-level': 'silent' });
      expect(await run.ended).toEqual({ code: 1, signal: null });
      expect(run.stderr()).toMatch(/^channel: .*E_PORT_BUSY\]\n$/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('names a trace file that is not there', async () => {
    const config = channelServiceConfigSchema.parse({ port: 0, traceFile: '/nowhere/trace.csv' });
    await expect(createChannelService(config, { logger: silent })).rejects.toMatchObject({ code: 'E_TRACE_FILE' });
  });

  it('ends with 2 and the nearest name on a wrong option', async () => {
    const run = runForked({ prot: 7 });
    expect(await run.ended).toEqual({ code: 2, signal: null });
    expect(run.stderr()).toContain('did you mean');
    expect(run.stderr()).toContain('port');
  });

  it('prints its configuration without secrets, and ends', async () => {
    const run = runForked({ printConfig: true, token: 'hush', 'channel.snr.snrDb': '3' });
    expect((await run.ended).code).toBe(0);
    expect(run.stdout()).toContain('snrDb: 3');
    expect(run.stdout()).toContain('port: 7401');
    expect(run.stdout()).not.toContain('hush');
  });
});

describe('the process', () => {
  it('tells its parent when it is ready, and ends cleanly on SIGTERM', async () => {
    const run = runForked({ port: 0 });
    const [message] = (await once(run.child, 'message')) as [{ type: string; httpUrl: string; wsUrl: string }];
    expect(message).toMatchObject({ type: 'ready', wsUrl: expect.stringMatching(/^ws:/) as string });
    expect((await request(`${message.httpUrl}/healthz`)).status).toBe(200);
    run.child.kill('SIGTERM');
    expect(await run.ended).toEqual({ code: 0, signal: null });
    const lines = run.stderr().trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { service: string }).service)).toEqual(lines.map(() => 'channel'));
  });

  it('says what is open to everybody when it listens beyond this machine', async () => {
    const run = runForked({ host: '0.0.0.0', port: 0, controlToken: 'hush' });
    await once(run.child, 'message');
    run.child.kill('SIGTERM');
    await run.ended;
    expect(run.stderr()).toContain('token is not set: whoever reaches this service at 0.0.0.0 may send frames');
    expect(run.stderr()).not.toContain('controlToken is not set');
  });

  it('shows no secret of the addresses that it is given', async () => {
    // Nobody listens at port 1.
    const receiverUrl = 'ws://user:hunter2@127.0.0.1:1/?token=hunter2';
    const run = runForked({ port: 0, receiverUrl, probeIntervalMs: 50, logLevel: 'trace' });
    const [{ httpUrl, wsUrl }] = (await once(run.child, 'message')) as [{ httpUrl: string; wsUrl: string }];
    await expect.poll(async () => (await request(`${httpUrl}/readyz`)).status).toBe(503);
    const shown = await Promise.all(
      ['/readyz', '/feed?after=0', '/channel', '/metrics', '/nothing?token=hunter2'].map(
        async (path) => await (await fetch(httpUrl + path)).text(),
      ),
    );
    // What it answers to a transmitter names the receiver, too.
    const refusal = await open(wsUrl).then(
      () => 'none',
      (error: unknown) => String(error),
    );
    run.child.kill('SIGTERM');
    await run.ended;
    const all = [...shown, refusal, run.stderr()].join('\n');
    for (const text of [shown[0], shown[1], refusal, run.stderr()]) {
      expect(text).toContain('ws://user:[redacted]@127.0.0.1:1/?token=[redacted]');
    }
    expect(all).not.toContain('hunter2');
  });

  it('ends cleanly when its parent is gone', async () => {
    const run = runForked({ port: 0, 'log-level': 'silent' });
    await once(run.child, 'message');
    run.child.disconnect();
    expect(await run.ended).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['start-and-stop.mjs', 'closed'],
    ['fail-and-stop.mjs', 'E_PORT_BUSY'],
  ])('leaves no handle behind (%s)', async (name, word) => {
    const run = watch(spawn(process.execPath, [script(name)], { stdio: ['ignore', 'pipe', 'pipe'] }));
    const { code } = await run.ended;
    expect({ code, stdout: run.stdout() }).toEqual({ code: 0, stdout: `${word}\n` });
  });
});
