/**
 * The thread that runs ONNX graphs. `InferenceSession.run` blocks its thread from the first convolution to the last,
 * so it has one of its own; the passes over pixels happen here as well. See pool.ts for the other side.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { imageToTensor, tensorToImages } from './images.js';
import type { PackedFeed, PackedTensor, RunOutcome, RunRequest, WorkerReply, WorkerSetup } from './protocol.js';
import { LoadFailureError, loadGraph, readSignature } from './sessions.js';
import type { GraphSignature } from './types.js';

const port = parentPort;
if (port === null) {
  throw new Error('worker.js is started by the session pool, not by hand');
}

function reply(message: WorkerReply, transfer: ArrayBuffer[] = []): void {
  port!.postMessage(message, transfer);
}

async function createSession(file: string, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  return InferenceSession.create(file, options);
}

async function loadSessions({ graphs, device, deviceId }: WorkerSetup): Promise<Map<string, InferenceSession>> {
  env.logLevel = device === 'cuda' ? 'error' : 'fatal';
  const sessions = new Map<string, InferenceSession>();
  const signatures: Record<string, GraphSignature> = {};
  const warnings: string[] = [];
  for (const { name, file } of graphs) {
    const { session, warning } = await loadGraph(createSession, name, file, { device, deviceId });
    signatures[name] = readSignature(session, name, file);
    sessions.set(name, session);
    if (warning !== undefined) {
      warnings.push(warning);
    }
  }
  reply({ type: 'ready', signatures, warnings });
  return sessions;
}

function unpack(feed: PackedFeed): OrtTensor {
  const { data, dims } = 'image' in feed ? imageToTensor(feed.image, feed.multiple, feed.normalisation) : feed;
  return new OrtTensor('float32', data, dims);
}

function pack(name: string, value: OrtTensor): PackedTensor {
  const data = value.data as Float32Array;
  const whole = data.byteOffset === 0 && data.byteLength === data.buffer.byteLength;
  return { name, dims: value.dims, data: whole ? data : data.slice() };
}

/** One request, from unpacked feeds to packed outputs. */
async function answer(sessions: Map<string, InferenceSession>, { graph, feeds, fetch }: RunRequest): Promise<void> {
  const session = sessions.get(graph)!;
  const inputs = Object.fromEntries(feeds.map((feed) => [feed.name, unpack(feed)]));
  const start = performance.now();
  const outputs = fetch === undefined ? await session.run(inputs) : await session.run(inputs, [fetch.output]);
  const seconds = (performance.now() - start) / 1000;
  const tensors = Object.entries(outputs).map(([name, value]) => pack(name, value));
  const outcome: RunOutcome =
    fetch === undefined
      ? { tensors, images: [] }
      : { tensors: [], images: tensorToImages(tensors[0]!, fetch.sizes, fetch.normalisation) };
  const moved = [...outcome.tensors, ...outcome.images];
  reply({ type: 'done', seconds, outcome }, [...new Set(moved.map(({ data }) => data.buffer as ArrayBuffer))]);
}

try {
  const sessions = await loadSessions(workerData as WorkerSetup);
  port.on('message', (request: RunRequest) => {
    answer(sessions, request).catch((error: unknown) => {
      reply({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    });
  });
} catch (error) {
  if (!(error instanceof LoadFailureError)) {
    throw error;
  }
  reply({ type: 'unready', failure: error.failure });
}
