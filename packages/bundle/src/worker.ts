/**
 * The thread that runs ONNX graphs. `InferenceSession.run` blocks its thread from the first convolution to the last,
 * so it has one of its own; the passes over pixels happen here as well. See pool.ts for the other side.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { describeError, type Tensor } from '@semcast/core';
import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { imagesToTensor, tensorToImages } from './images.js';
import { findChanged } from './file-hash.js';
import { tellsOfLinks, withoutLinks } from './linked-weights.js';
import { NativeGuard } from './native-guard.js';
import type { PackedFeed, RunRequest, WorkerReply, WorkerSetup } from './protocol.js';
import { LoadFailureError, loadGraph, peekSignature, readSignature } from './sessions.js';
import type { GraphSignature, RunResult } from './types.js';

const port = parentPort;
if (port === null) {
  throw new Error('worker.js is started by the session pool, not by hand');
}

const guard = new NativeGuard((workerData as WorkerSetup).guard);
// Also when this thread ends by an error: the owner must not wait for it then.
process.on('exit', () => guard.leave());

interface LoadedGraphs {
  readonly sessions: Map<string, InferenceSession>;
  /** The files of those to be loaded when they are first asked for. */
  readonly deferred: ReadonlyMap<string, string>;
  readonly signatures: Record<string, GraphSignature>;
  readonly warnings: readonly string[];
}

function reply(message: WorkerReply, transfer: ArrayBuffer[] = []): void {
  port!.postMessage(message, transfer);
}

async function createSession(file: string, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(file, options);
  } catch (error) {
    if (!(error instanceof Error && tellsOfLinks(error.message))) {
      throw error;
    }
    return await withoutLinks(file, async (copy) => InferenceSession.create(copy, options));
  }
}

/** @throws LoadFailureError */
async function checkFiles(graph: string, file: string): Promise<void> {
  const message = await findChanged(file, (workerData as WorkerSetup).hashes).catch(
    (error: unknown) => `${file} can't be read: ${describeError(error)}`,
  );
  if (message !== undefined) {
    throw new LoadFailureError({ fault: 'changed', graph, file, message }, undefined);
  }
}

/** All sessions, or undefined when the pool was closed meanwhile. */
async function loadSessions({ graphs, device, deviceId }: WorkerSetup): Promise<LoadedGraphs | undefined> {
  env.logLevel = device === 'cuda' ? 'error' : 'fatal';
  const sessions = new Map<string, InferenceSession>();
  const deferred = new Map<string, string>();
  const signatures: Record<string, GraphSignature> = {};
  const warnings: string[] = [];
  for (const { name, file, deferred: later } of graphs) {
    if (guard.stopping) {
      return undefined;
    }
    await checkFiles(name, file);
    if (later) {
      signatures[name] = await peekSignature(createSession, name, file);
      deferred.set(name, file);
      continue;
    }
    const { session, warning } = await loadGraph(createSession, name, file, { device, deviceId });
    signatures[name] = readSignature(session, name, file);
    sessions.set(name, session);
    if (warning !== undefined) {
      warnings.push(warning);
    }
  }
  return { sessions, deferred, signatures, warnings };
}

function unpack(feed: PackedFeed): OrtTensor {
  const { data, dims } = 'images' in feed ? imagesToTensor(feed.images, feed.multiple, feed.normalisation) : feed;
  return new OrtTensor('float32', data, dims);
}

/** A tensor of memory that it has to itself, so that it can be moved. */
function pack({ data, dims }: OrtTensor): Tensor {
  const values = data as Float32Array;
  const whole = values.byteOffset === 0 && values.byteLength === values.buffer.byteLength;
  return { dims, data: whole ? values : values.slice() };
}

/** The session of a graph, loaded now if it was deferred, and how long that took. */
async function sessionOf(
  graph: string,
  { sessions, deferred }: LoadedGraphs,
): Promise<{ session: InferenceSession; loadSeconds: number }> {
  const loaded = sessions.get(graph);
  if (loaded !== undefined) {
    return { session: loaded, loadSeconds: 0 };
  }
  const start = performance.now();
  const file = deferred.get(graph)!;
  await checkFiles(graph, file);
  const { session } = await loadGraph(createSession, graph, file, workerData as WorkerSetup);
  sessions.set(graph, session);
  return { session, loadSeconds: (performance.now() - start) / 1000 };
}

/** Inside ONNX Runtime, from the graph's loading to its outputs. */
async function execute(loaded: LoadedGraphs, { graph, feeds, fetch }: RunRequest) {
  const { session, loadSeconds } = await sessionOf(graph, loaded);
  const inputs = Object.fromEntries(feeds.map((feed) => [feed.name, unpack(feed)]));
  const start = performance.now();
  const outputs = fetch === undefined ? await session.run(inputs) : await session.run(inputs, [fetch.output]);
  return { outputs, seconds: (performance.now() - start) / 1000, loadSeconds };
}

/** One request, from unpacked feeds to packed outputs. */
async function answer(loaded: LoadedGraphs, request: RunRequest): Promise<void> {
  const { outputs, seconds, loadSeconds } = await execute(loaded, request).finally(() => guard.leave());
  const { fetch } = request;
  const tensors = Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, pack(value)]));
  const images = fetch === undefined ? [] : tensorToImages(tensors[fetch.output]!, fetch.sizes, fetch.normalisation);
  const result: RunResult = { tensors: fetch?.keepTensor === false ? {} : tensors, images };
  const moved = [...Object.values(result.tensors), ...images.filter((image) => image !== null)];
  reply({ type: 'done', seconds, loadSeconds, result }, [
    ...new Set(moved.map(({ data }) => data.buffer as ArrayBuffer)),
  ]);
}

function serve(loaded: LoadedGraphs): void {
  port!.on('message', (request: RunRequest) => {
    if (!guard.enter()) {
      port!.close();
      return;
    }
    answer(loaded, request)
      .catch((error: unknown) => {
        reply({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
      })
      .finally(() => {
        if (guard.stopping) {
          port!.close();
        }
      });
  });
  reply({ type: 'ready', signatures: loaded.signatures, warnings: loaded.warnings });
}

// Until it listens for messages, nothing keeps this thread alive: it ends when there is nothing to serve.
try {
  const loaded = await loadSessions(workerData as WorkerSetup);
  guard.leave();
  if (loaded !== undefined && !guard.stopping) {
    serve(loaded);
  }
} catch (error) {
  guard.leave();
  if (!(error instanceof LoadFailureError)) {
    throw error;
  }
  reply({ type: 'unready', failure: error.failure });
}
