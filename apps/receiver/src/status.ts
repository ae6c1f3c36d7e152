import type { Bundle } from '@semcast/bundle';
import type { Announcement } from '@semcast/frame-queue';
import type { SchedulerStats } from '@semcast/scheduler';
import type { InboundStreams, ServedLinks } from '@semcast/wire';
import type { ReceiverConfig } from './config.js';

/** The answer of `GET /status`: what this receiver is, and what it is doing. */
export interface ReceiverStatus {
  readonly service: 'receiver';
  readonly uptimeSeconds: number;
  readonly role: ReceiverConfig['role'];
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
  /** Other processes that decode for this one, from the queue between them. */
  readonly crew: readonly Announcement[];
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
    /** Frames that wait for room in memory, for their first run, or for their next step. */
    readonly waiting: number;
    /** Frames being decoded. */
    readonly decoding: number;
    /** Pictures that have been sent and whose residual waits for an idle worker. */
    readonly residuals: number;
    /** Bytes of the samples of all these. */
    readonly bytes: number;
    /** Pixels of the frames that have begun to run, and how many there may be. */
    readonly pixels: number;
    readonly maxPixels: number;
  };
  /** The frames that the step scheduler holds, and the outcomes of earlier ones; null where others decode. */
  readonly scheduler: SchedulerStats | null;
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

/** What a status is made of, beside the values that it has as they are. */
export interface StatusSources extends Pick<
  ReceiverStatus,
  'role' | 'device' | 'workers' | 'crew' | 'queue' | 'scheduler'
> {
  readonly bundle: Bundle;
  readonly decoders: ReadonlyMap<string, unknown>;
  /** Both undefined where only others have links. */
  readonly links: ServedLinks | undefined;
  readonly streams: InboundStreams | undefined;
}

export function statusOf({ bundle, decoders, links, streams, ...values }: StatusSources): ReceiverStatus {
  const { name, version, rates, csnrDb } = bundle.manifest;
  return {
    service: 'receiver',
    uptimeSeconds: process.uptime(),
    decoders: [...decoders.keys()],
    bundle: { name, version, digest: bundle.digest, rates: rates.map(({ cbr }) => cbr), csnrDb },
    sessions: links?.sessions.size ?? 0,
    streams: {
      known: streams?.size ?? 0,
      window: streams?.window ?? 0,
      unacknowledged: streams?.stored ?? 0,
      linked: [...(links?.sessions.values() ?? [])].map(({ hello, remoteAddress, bufferedBytes }) => ({
        stream: hello.stream,
        agent: hello.agent,
        role: hello.role,
        decoder: hello.decoder,
        csi: hello.csi,
        remoteAddress,
        bufferedBytes,
      })),
    },
    ...values,
  };
}
