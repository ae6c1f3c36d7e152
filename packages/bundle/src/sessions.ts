import type { InferenceSession } from 'onnxruntime-node';
import type { LoadFailure } from './protocol.js';
import type { Device, GraphSignature, TensorSignature } from './types.js';

/** A graph couldn't be loaded; crosses the thread boundary as plain data. */
export class LoadFailureError extends Error {
  override readonly name = 'LoadFailureError';
  readonly failure: LoadFailure;

  constructor(failure: LoadFailure, cause: unknown) {
    super(failure.message, { cause });
    this.failure = failure;
  }
}

/** `InferenceSession.create`, passed in so that what depends on the device is testable without it. */
export type CreateSession<S> = (file: string, options: InferenceSession.SessionOptions) => Promise<S>;

/**
 * Session options. One thread each, because parallelism comes from workers (on two cores, two single-threaded
 * sessions beat one with two threads by 15-45 %); no spinning, because a spinning thread takes the core from the
 * socket loop; all optimisations, because the blocked convolution layout (NCHWc) they bring is 30 % faster.
 */
export function sessionOptions(
  device: Device,
  deviceId: number,
  { allowCpuNodes = false, optimise = true }: { allowCpuNodes?: boolean; optimise?: boolean } = {},
): InferenceSession.SessionOptions {
  const session: Record<string, unknown> = {
    intra_op: { allow_spinning: '0' },
    inter_op: { allow_spinning: '0' },
    // Rectified networks hold weights and activations too small for a normal float32; arithmetic on those is tens of
    // times slower on a CPU, and what they add is far below what a picture shows.
    set_denormal_as_zero: '1',
  };
  if (device === 'cuda' && !allowCpuNodes) {
    session['disable_cpu_ep_fallback'] = '1';
  }
  return {
    executionProviders: device === 'cuda' ? [{ name: 'cuda', deviceId }] : ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: optimise ? 'all' : 'disabled',
    // Without the arena a worker gives back what a large picture needed (600 MB at 2048×2048) when the run ends; with
    // it, it keeps the largest ever seen. Both took the same time at 64×64 to 768×512, measured in one process.
    enableCpuMemArena: device === 'cuda',
    // On a CPU whatever goes wrong is in the exception too; CUDA says why its library doesn't load only in the log.
    logSeverityLevel: device === 'cuda' ? 3 : 4,
    extra: { session },
  };
}

/**
 * Load one graph on a device.
 *
 * On CUDA the first try forbids nodes on the CPU, so that a graph can't quietly run at a tenth of its speed; when a
 * graph has such nodes (shape arithmetic, usually) it is loaded with them and a warning says so.
 *
 * @throws LoadFailureError
 */
export async function loadGraph<S>(
  create: CreateSession<S>,
  graph: string,
  file: string,
  { device, deviceId }: { readonly device: Device; readonly deviceId: number },
): Promise<{ session: S; warning?: string }> {
  try {
    return { session: await create(file, sessionOptions(device, deviceId)) };
  } catch (error) {
    if (device === 'cpu' || !/CPU EP/i.test(messageOf(error))) {
      throw asLoadFailure(graph, file, device, error);
    }
  }
  try {
    const session = await create(file, sessionOptions(device, deviceId, { allowCpuNodes: true }));
    return { session, warning: `some nodes of the graph "${graph}" (${file}) run on the CPU, not on CUDA` };
  } catch (error) {
    throw asLoadFailure(graph, file, device, error);
  }
}

/**
 * What a graph takes and gives, without keeping it: it is loaded without optimisation, which is quick, and released.
 *
 * @throws LoadFailureError
 */
export async function peekSignature<S extends Pick<InferenceSession, 'inputMetadata' | 'outputMetadata' | 'release'>>(
  create: CreateSession<S>,
  graph: string,
  file: string,
): Promise<GraphSignature> {
  let session: S;
  try {
    session = await create(file, sessionOptions('cpu', 0, { optimise: false }));
  } catch (error) {
    throw asLoadFailure(graph, file, 'cpu', error);
  }
  const signature = readSignature(session, graph, file);
  await session.release();
  return signature;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function asLoadFailure(graph: string, file: string, device: Device, error: unknown): LoadFailureError {
  const message = messageOf(error).trim();
  // Every message of ONNX Runtime about a missing library, driver or device has the provider's name in it.
  const fault = device === 'cuda' && /cuda|cudnn|cublas|backend not found/i.test(message) ? 'device' : 'graph';
  return new LoadFailureError({ fault, graph, file, message }, error);
}

function readTensors(metadata: readonly InferenceSession.ValueMetadata[]): TensorSignature[] {
  return metadata.map((value) => {
    if (!value.isTensor) {
      throw new Error(`"${value.name}" is no tensor; semcast passes float32 tensors only`);
    }
    if (value.type !== 'float32') {
      throw new Error(`"${value.name}" is ${value.type}; semcast passes float32 tensors only`);
    }
    return { name: value.name, dims: value.shape.map((dim) => (dim === '' || dim === undefined ? null : dim)) };
  });
}

/**
 * What a loaded graph takes and gives.
 *
 * @throws LoadFailureError when an input or output is anything but a float32 tensor.
 */
export function readSignature(
  session: Pick<InferenceSession, 'inputMetadata' | 'outputMetadata'>,
  graph: string,
  file: string,
): GraphSignature {
  try {
    return { inputs: readTensors(session.inputMetadata), outputs: readTensors(session.outputMetadata) };
  } catch (error) {
    throw new LoadFailureError({ fault: 'graph', graph, file, message: messageOf(error) }, error);
  }
}
