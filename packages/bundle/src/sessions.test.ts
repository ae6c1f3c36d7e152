import { describe, expect, it } from 'vitest';
import { LoadFailureError, loadGraph, sessionOptions, type CreateSession } from './sessions.js';

const cuda = { device: 'cuda', deviceId: 0 } as const;
const cpu = { device: 'cpu', deviceId: 0 } as const;

/** What ONNX Runtime would do: throws the given message while nodes on the CPU are forbidden (or always). */
function runtime(message: string, always = false): CreateSession<string> {
  return async (_, options) => {
    const session = options.extra?.['session'] as Record<string, unknown>;
    if (always || session['disable_cpu_ep_fallback'] === '1') {
      throw new Error(message);
    }
    return 'session';
  };
}

async function failureOf(promise: Promise<unknown>): Promise<LoadFailureError['failure']> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LoadFailureError);
  return (error as LoadFailureError).failure;
}

describe('sessionOptions', () => {
  it('takes one thread that does not spin, whatever the device', () => {
    for (const device of ['cpu', 'cuda'] as const) {
      const options = sessionOptions(device, 0);
      expect(options).toMatchObject({ intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'all' });
      expect(options.extra).toMatchObject({ session: { intra_op: { allow_spinning: '0' } } });
    }
  });

  it('asks CUDA for the device, and forbids the CPU by default', () => {
    expect(sessionOptions('cuda', 2).executionProviders).toEqual([{ name: 'cuda', deviceId: 2 }]);
    expect(sessionOptions('cuda', 2).extra).toMatchObject({ session: { disable_cpu_ep_fallback: '1' } });
    expect(sessionOptions('cuda', 2, { allowCpuNodes: true }).extra).not.toHaveProperty(
      'session.disable_cpu_ep_fallback',
    );
  });
});

describe('loadGraph', () => {
  const fallback =
    'This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been ' +
    'explicitly disabled by the user.';

  it('loads a graph with some nodes on the CPU all the same, and says so', async () => {
    const { session, warning } = await loadGraph(runtime(fallback), 'decoder', '/b/decoder.onnx', cuda);
    expect(session).toBe('session');
    expect(warning).toMatch(/decoder.*run on the CPU, not on CUDA/);
    expect(await loadGraph(async () => 'session', 'decoder', '/b/decoder.onnx', cuda)).toEqual({ session: 'session' });
  });

  it.each([
    'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
    'CUDA failure 100: no CUDA-capable device is detected ; GPU=-1',
    'no available backend found. ERR: [cuda] backend not found.',
  ])('blames the device for "%s"', async (message) => {
    expect(await failureOf(loadGraph(runtime(message, true), 'decoder', '/f', cuda))).toMatchObject({
      fault: 'device',
    });
  });

  it('blames the file for anything else, and on a CPU for everything', async () => {
    const parsing = 'Load model from /f failed:Protobuf parsing failed.';
    expect(await failureOf(loadGraph(runtime(parsing, true), 'decoder', '/f', cuda))).toEqual({
      fault: 'graph',
      graph: 'decoder',
      file: '/f',
      message: parsing,
    });
    const odd = 'node "cuda_like" is no valid operator';
    expect(await failureOf(loadGraph(runtime(odd, true), 'decoder', '/f', cpu))).toMatchObject({ fault: 'graph' });
  });
});
