import type { Bundle, SessionPool } from '@semcast/bundle';
import type { InboundStreams, ServedLinks } from '@semcast/wire';
import type { DecodeQueue } from './enqueue-frame.js';
import type { FramePath } from './frame-path.js';

/** What `GET /status` tells: what this receiver is, and what it is doing. */
export interface ReceiverStatus {
  readonly service: 'receiver';
  readonly uptimeSeconds: number;
  readonly decoders: readonly string[];
  readonly bundle: {
    readonly name: string;
    readonly version: string;
    readonly digest: string;
    readonly rates: readonly string[];
    /** Range of CSNR that the codec was trained for, in dB. */
    readonly csnrDb: { readonly min: number; readonly max: number };
  };
  readonly device: 'cpu' | 'cuda';
  readonly workers: number;
  /** Open links. */
  readonly sessions: number;
  readonly streams: {
    /** Remembered, linked or not. */
    readonly known: number;
    /** Unresolved frames that each may have. */
    readonly window: number;
    /** Finished frames whose sender hasn't said that it has the outcome. */
    readonly unacknowledged: number;
    /** One entry a link. */
    readonly linked: readonly StreamStatus[];
  };
  readonly queue: {
    /** Frames that wait for their turn. */
    readonly waiting: number;
    /** Frames being decoded. */
    readonly decoding: number;
    /** Frames that may be decoded at a time. */
    readonly places: number;
    /** Bytes of the samples of all these. */
    readonly bytes: number;
  };
}

export interface StreamStatus {
  readonly stream: string;
  readonly agent: string;
  readonly role: 'transmitter' | 'channel';
  readonly decoder: string;
  readonly csi: 'genie' | 'none';
  readonly remoteAddress: string;
  /** Bytes of results that wait to be read. */
  readonly bufferedBytes: number;
}

export interface StatusSources {
  readonly bundle: Bundle;
  readonly decoders: ReadonlyMap<string, unknown>;
  readonly pool: SessionPool;
  readonly links: ServedLinks;
  readonly streams: InboundStreams;
  readonly queue: DecodeQueue;
  readonly path: FramePath;
}

export function statusOf({ bundle, decoders, pool, links, streams, queue, path }: StatusSources): ReceiverStatus {
  const { name, version, rates, csnrDb } = bundle.manifest;
  return {
    service: 'receiver',
    uptimeSeconds: process.uptime(),
    decoders: [...decoders.keys()],
    bundle: { name, version, digest: bundle.digest, rates: rates.map(({ cbr }) => cbr), csnrDb },
    device: pool.device,
    workers: pool.workers,
    sessions: links.sessions.size,
    streams: {
      known: streams.size,
      window: streams.window,
      unacknowledged: streams.stored,
      linked: [...links.sessions.values()].map(({ hello, remoteAddress, bufferedBytes }) => ({
        stream: hello.stream,
        agent: hello.agent,
        role: hello.role,
        decoder: hello.decoder,
        csi: hello.csi,
        remoteAddress,
        bufferedBytes,
      })),
    },
    queue: { waiting: queue.waiting, decoding: queue.decoding, places: queue.places, bytes: path.bytes },
  };
}
