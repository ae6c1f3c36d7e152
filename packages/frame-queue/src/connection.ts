import { setTimeout as sleep } from 'node:timers/promises';
import {
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamClient,
  type StreamAPI,
} from '@nats-io/jetstream';
import {
  AuthorizationError,
  connect,
  nanos,
  TimeoutError,
  type ConnectionOptions,
  type MsgHdrs,
  type NatsConnection,
} from '@nats-io/transport-node';
import { describeError } from '@semcast/core';
import type { Logger } from '@semcast/service';
import { Blobs } from './blobs.js';
import { QueueError } from './errors.js';
import { ALL_DEAD_LETTERS, ALL_FRAMES, BLOBS_STREAM, DEAD_LETTERS_STREAM, FRAMES_STREAM } from './names.js';

/** Nothing stays longer in the queue, whoever has forgotten it: the longest that a receiver may be told to wait. */
const MAX_AGE_MS = 86_400_000;
/** How long a frame that is put in again under its id is known. */
const DUPLICATES_MS = 120_000;
const DEAD_LETTERS_AGE_MS = 7 * 86_400_000;
const RECONNECT_MS = 500;
/** How long a server may be away when a receiver starts: longer than it takes to restart. */
const CONNECT_WAIT_MS = 15_000;
/** JetStream's status while a cluster has no leader. */
const UNAVAILABLE = 503;
/** JetStream's code for a stream that there is with another configuration. */
const OTHER_CONFIGURATION = 10_058;
const MAX_DEAD_LETTERS = 1000;
const MAX_DEAD_LETTER_BYTES = 256 * 1024 * 1024;

/** A connection to the queue, with everything in it that semcast needs. It connects again by itself, for ever. */
export interface QueueConnection {
  readonly nats: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly blobs: Blobs;
  readonly isConnected: boolean;
  /** Send a message that nobody waits for; without a connection it is sent later, after the end never. */
  tell(subject: string, body?: string | Uint8Array, headers?: MsgHdrs): void;
  /** Make what is missing on the server. Cheap; call it again where something was missing. */
  prepare(): Promise<void>;
  /** Send what is to be sent, then end. */
  close(): Promise<void>;
}

/** Servers and credentials of `nats://user:password@host:4222,host2:4222`; a user without a password is a token. */
export function parseQueueUrl(url: string): ConnectionOptions {
  const urls = url.split(',').map((part) => new URL(part.includes('://') ? part : `nats://${part}`));
  const [{ username, password }] = urls as [URL, ...URL[]];
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    servers: urls.map(({ host }) => host),
    ...(urls.some(({ protocol }) => protocol === 'tls:') && { tls: {} }),
    ...(pass !== '' ? { user, pass } : user !== '' ? { token: user } : {}),
  };
}

/**
 * Half a second between attempts to connect again, by a clock that doesn't jump. The client's own pacing goes by the wall
 * clock: set back by an hour, it would wait for an hour. It asks before each attempt for how long to wait since the last
 * one; with -Infinity it waits for nothing, whatever the wall clock says.
 */
export function paceReconnects(now: () => number = () => performance.now()): () => number {
  let allowedMs = -Infinity;
  return () => {
    const leftMs = allowedMs + RECONNECT_MS - now();
    if (leftMs > 0) {
      return leftMs;
    }
    allowedMs = now();
    return -Infinity;
  };
}

/** Make a stream, unless there is one of its name. */
async function makeStream(streams: StreamAPI, config: Parameters<StreamAPI['add']>[0]): Promise<void> {
  try {
    await streams.add(config);
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === OTHER_CONFIGURATION)) {
      throw error;
    }
  }
}

/** Have a stream on so many servers, which may have changed since it was made. */
async function replicate(streams: StreamAPI, stream: string, replicas: number): Promise<void> {
  const { config } = await streams.info(stream);
  if (config.num_replicas !== replicas) {
    await streams.update(stream, { num_replicas: replicas });
  }
}

export interface QueueConnectionOptions {
  readonly name: string;
  readonly logger: Logger;
  /** Of what is in the queue, on as many servers of its cluster: with 3 one of them may be lost. Default 1. */
  readonly replicas?: number;
  /** For how long to try to reach a server; one that refuses the user is asked once. Default 15 s. */
  readonly waitMs?: number;
}

/** Whether a server that is starting, or a cluster that elects its leader, gives this error for a while. */
function mayPass(error: unknown, isReached: boolean): boolean {
  return isReached
    ? error instanceof TimeoutError || (error instanceof JetStreamApiError && error.status === UNAVAILABLE)
    : !(error instanceof AuthorizationError);
}

/** Make streams and bucket that are missing on the server, with as many replicas as they shall have. */
async function prepareStreams(nats: NatsConnection, blobs: Blobs, replicas: number): Promise<void> {
  const { streams } = await jetstreamManager(nats, { timeout: 5000 });
  await makeStream(streams, {
    num_replicas: replicas,
    name: FRAMES_STREAM,
    subjects: [ALL_FRAMES],
    retention: RetentionPolicy.Workqueue,
    // A server that restarts still has the frames.
    storage: StorageType.File,
    max_age: nanos(MAX_AGE_MS),
    duplicate_window: nanos(DUPLICATES_MS),
  });
  await makeStream(streams, {
    num_replicas: replicas,
    name: DEAD_LETTERS_STREAM,
    subjects: [ALL_DEAD_LETTERS],
    storage: StorageType.File,
    max_age: nanos(DEAD_LETTERS_AGE_MS),
    max_msgs: MAX_DEAD_LETTERS,
    max_bytes: MAX_DEAD_LETTER_BYTES,
  });
  await blobs.prepare();
  for (const stream of [FRAMES_STREAM, DEAD_LETTERS_STREAM, BLOBS_STREAM]) {
    await replicate(streams, stream, replicas);
  }
}

/**
 * Connect to the queue. A server that is away or not ready is tried again for a while.
 *
 * @throws QueueError when it can't be reached, lets nobody in, or has no JetStream
 */
export async function connectQueue(
  url: string,
  { name, logger, replicas = 1, waitMs = CONNECT_WAIT_MS }: QueueConnectionOptions,
): Promise<QueueConnection> {
  const server = parseQueueUrl(url);
  const where = (server.servers as string[]).join(', ');
  const endMs = performance.now() + waitMs;
  for (let attempt = 1; ; attempt++) {
    let nats: NatsConnection | undefined;
    try {
      nats = await connect({
        ...server,
        name,
        maxReconnectAttempts: -1,
        reconnectDelayHandler: paceReconnects(),
        // A server that restarts may refuse for a moment.
        ignoreAuthErrorAbort: true,
        timeout: 5000,
        pingInterval: 10_000,
      });
      const blobs = new Blobs(nats, MAX_AGE_MS, replicas);
      const prepare = async (): Promise<void> => await prepareStreams(nats!, blobs, replicas);
      await prepare();
      return queueConnection(nats, { where, logger, blobs, prepare });
    } catch (cause) {
      const isReached = nats !== undefined;
      await nats?.close();
      if (!mayPass(cause, isReached) || performance.now() + RECONNECT_MS > endMs) {
        const what = isReached ? `the server at ${where} is no queue` : `the queue at ${where} can't be reached`;
        throw new QueueError(`${what}: ${describeError(cause)}`, { cause });
      }
      if (attempt === 1) {
        logger.warn({ queue: where, err: cause }, `the queue isn't there yet; trying for ${waitMs / 1000} s`);
      }
      await sleep(RECONNECT_MS);
    }
  }
}

function queueConnection(
  nats: NatsConnection,
  {
    where,
    logger,
    ...parts
  }: Pick<QueueConnection, 'blobs' | 'prepare'> & { readonly where: string; readonly logger: Logger },
): QueueConnection {
  let isConnected = true;
  void (async () => {
    for await (const status of nats.status()) {
      if (status.type === 'disconnect') {
        isConnected = false;
        logger.warn({ queue: where }, 'the connection to the queue is lost; trying again');
      } else if (status.type === 'reconnect') {
        isConnected = true;
        logger.info({ queue: where }, 'connected to the queue again');
      } else if (status.type === 'error') {
        logger.warn({ queue: where, err: status.error }, 'the queue reports an error');
      }
    }
  })();
  return {
    ...parts,
    nats,
    jetstream: jetstream(nats, { timeout: 5000 }),
    get isConnected() {
      return isConnected;
    },
    tell: (subject, body, given) => {
      if (!nats.isClosed() && !nats.isDraining()) {
        nats.publish(subject, body, given && { headers: given });
      }
    },
    close: async () => {
      // Draining waits for the server, which may be away.
      await Promise.race([nats.drain().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 2000))]);
      await nats.close();
    },
  };
}
