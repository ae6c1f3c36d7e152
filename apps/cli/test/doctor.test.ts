import { cp, truncate } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findDefaultBundle, loadBundle } from '@semcast/bundle';
import { describe, expect, it } from 'vitest';
import { defaultDecoder, requireDecoder } from '../src/decoders/registry.js';
import { describeCpu, parseCpuFlags } from '../src/doctor/checks/cpu.js';
import { describeDecoders } from '../src/doctor/checks/decoding.js';
import { judgeMemory } from '../src/doctor/checks/memory.js';
import { checkNodeVersion } from '../src/doctor/checks/node.js';
import { judgeParity } from '../src/doctor/checks/parity.js';
import { judgeProviders } from '../src/doctor/checks/providers.js';
import { checks } from '../src/doctor/registry.js';
import { freePortBase, useWorkspace } from './helpers.js';

const workspace = useWorkspace();

interface Findings {
  readonly schema: string;
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly text: string;
    readonly remedy?: string;
  }[];
}

describe('semcast doctor', () => {
  it('looks at everything, and is content with this machine', async () => {
    const base = await freePortBase();
    const { code, stdout, stderr } = await workspace.run('doctor', '--port-base', String(base), '--json', '-');
    const findings = JSON.parse(stdout) as Findings;
    expect(findings.checks.filter(({ status }) => status === 'problem')).toEqual([]);
    expect(code).toBe(0);
    expect(findings).toMatchObject({ schema: 'semcast.doctor/1', ok: true });
    expect(findings.checks.map(({ name }) => name)).toEqual(Object.keys(checks));
    for (const { title } of Object.values(checks)) {
      expect(stderr).toContain(title);
    }
    expect(stderr).toContain('Ready.');
    expect(findings.checks.find(({ name }) => name === 'decoding')!.text).toMatch(
      /this bundle offers jscc.*semcast up takes /,
    );
    expect(findings.checks.find(({ name }) => name === 'parity')!.text).toMatch(
      /recorded outputs of encoder, decoder.* replayed on cpu/,
    );
  });

  it('finds a damaged network and a port that is taken, says what to do, and exits with 1', async () => {
    const bundle = join(workspace.dir, 'damaged');
    await cp(findDefaultBundle(), bundle, { recursive: true });
    await truncate(join(bundle, 'encoder.onnx'), 1000);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { code, stdout } = await workspace.run('doctor', '--bundle', bundle, '--port-base', String(port - 2));
    await new Promise((resolve) => server.close(resolve));
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ Model bundle +\S*encoder\.onnx isn't the file/);
    // One fault is told once.
    expect(stdout).toMatch(/– ONNX Runtime +not tried/);
    expect(stdout).toMatch(/– Networks +not tried/);
    expect(stdout).toMatch(/– Decoders +not tried/);
    expect(stdout).toContain(`${port} (receiver) is in use`);
    expect(stdout).toContain('2 problems stand in the way');
    // Each has one remedy; what else there is to say of the machine is no fault.
    expect(stdout.match(/^ +✗[^✗✓–!→]*→/gm)).toHaveLength(2);
  });
});

describe('the ports', () => {
  it('of the console and of all services are looked at', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      const { status, text } = await checks.ports.run({ bundle: undefined, device: 'cpu', portBase: port });
      expect([status, text]).toEqual(['problem', expect.stringContaining(`${port} (console) is in use`)]);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe('the judgement of', () => {
  it.each([
    ['v20.9.0', 'ok'],
    ['v22.0.0', 'ok'],
    ['v20.8.1', 'problem'],
    ['v18.20.0', 'problem'],
  ])('Node %s is %s', (version, status) => expect(checkNodeVersion(version).status).toBe(status));

  it('a processor: what makes networks fast is named, what makes them slow warned of', () => {
    const flags = parseCpuFlags('processor: 0\nflags\t\t: fpu avx2 avx512f amx_bf16 sse\n');
    expect(describeCpu('Some CPU', 2, flags)).toEqual({
      status: 'ok',
      text: 'Some CPU, 2 cores (amx_bf16, avx512f, avx2)',
    });
    expect(describeCpu('Old CPU', 4, ['sse2']).status).toBe('warning');
    expect(describeCpu('One CPU', 1, ['avx2'])).toMatchObject({ status: 'warning', text: 'One CPU, 1 core (avx2)' });
    // Not Linux: nothing is known of flags, which is no fault.
    expect(describeCpu('Apple M4', 10, null).status).toBe('ok');
    expect(parseCpuFlags('')).toEqual([]);
  });

  it('memory: a problem below 1 GiB', () => {
    const GIB = 2 ** 30;
    expect(judgeMemory(8 * GIB, 16 * GIB)).toEqual({ status: 'ok', text: '8.0 GiB available of 16.0 GiB' });
    expect(judgeMemory(1.5 * GIB, 2 * GIB).status).toBe('warning');
    expect(judgeMemory(0.5 * GIB, 2 * GIB).status).toBe('problem');
  });

  it('the networks: every graph of the bundle must have been replayed, and have given the same', () => {
    const source = { file: 'x.onnx' };
    const bundle = {
      graphs: { encoder: source, decoder: source, denoiser: source },
      manifest: { parity: { tolerance: 1e-3 } },
    } as unknown as Parameters<typeof judgeParity>[0];
    const replayed = (graph: string, maxError: number) => ({ graph, output: 'o', dims: [1], maxError });
    const circumstances = { device: 'cpu', loadMs: 12.3 } as const;
    const both = [replayed('encoder', 1e-5), replayed('decoder', 2e-4)];
    expect(judgeParity(bundle, [...both, replayed('denoiser', 5e-4)], circumstances)).toEqual({
      status: 'ok',
      text: '3 recorded outputs of encoder, decoder, denoiser replayed on cpu, largest error 5.0e-4 (allowed 1e-3); loaded in 12 ms',
    });
    expect(judgeParity(bundle, [...both, replayed('denoiser', 2e-3)], circumstances)).toMatchObject({
      status: 'problem',
      text: expect.stringMatching(/^denoiser differs: /) as string,
    });
    expect(judgeParity(bundle, both, circumstances)).toMatchObject({
      status: 'warning',
      text: expect.stringContaining('nothing recorded of denoiser') as string,
    });
    expect(judgeParity(bundle, [], circumstances).status).toBe('problem');
  });

  it('the decoders: what the bundle has graphs for', async () => {
    const bundle = await loadBundle(findDefaultBundle());
    const { text } = describeDecoders(bundle);
    expect(text).toContain(`semcast up takes ${defaultDecoder(bundle)}`);
    const bare = { ...bundle, graphs: { encoder: bundle.graphs.encoder, decoder: bundle.graphs.decoder } };
    expect(describeDecoders(bare).text).toContain('this bundle offers jscc, digital; semcast up takes jscc');
    expect(defaultDecoder(bare)).toBe('jscc');
    expect(defaultDecoder({ graphs: { ...bare.graphs, denoiser: bare.graphs.decoder } })).toBe('conditional');
    expect(defaultDecoder(bundle)).toBe('distilled');
    const { distilled: _, ...others } = bundle.graphs;
    expect(defaultDecoder({ graphs: others })).toBe('conditional');
    expect(() => requireDecoder('nothing', bare)).toThrow('no decoder "nothing"');
    expect(requireDecoder('jscc', bare).name).toBe('jscc');
  });

  it('providers: only the one that is wanted must work', () => {
    const absent = new Error('libcuda.so is missing');
    expect(judgeProviders('cpu', { cpu: null, cuda: absent })).toEqual({
      status: 'ok',
      text: 'cpu works; cuda is not available here',
    });
    expect(judgeProviders('cuda', { cpu: null, cuda: absent })).toMatchObject({
      status: 'problem',
      text: 'libcuda.so is missing',
    });
  });
});
