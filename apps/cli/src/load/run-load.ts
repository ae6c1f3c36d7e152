import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { describeError, withAnySignal } from '@semcast/core';
import type { DecoderOptions } from '@semcast/transmitter';
import type { ResultFormat, ResultMessage } from '@semcast/wire';
import { InterruptedError, NoLinkError } from '../errors.js';
import { arrivals, type ArrivalKind } from './arrivals.js';
import type { EncodedPhoto, FrameMaker } from './corpus.js';
import { Latencies } from './latencies.js';
import { Ledger, type DueFrame } from './ledger.js';
import type { WaveformChoice } from '../arguments/waveform-options.js';
import { QualitySampler } from './quality-sampler.js';
import { framesOf, steady, withWarmUp, type RateProfile } from './rate-profile.js';
import { VirtualTransmitter, type FlightWatcher } from './virtual-transmitter.js';

/** The settings that all rates of a load test share: the frames, and how they are sent. It is part of the report. */
export interface LoadConditions extends WaveformChoice {
  /** Addresses, separated by commas. */
  readonly to: string;
  readonly streams: number;
  /** Links that the streams share; as many as streams where each has its own. */
  readonly sockets: number;
  /** Weights of the links at the receiver, in turn. */
  readonly weights: readonly number[];
  /** The rate over time, where it isn't one rate. */
  readonly profile: RateProfile | null;
  readonly arrivals: ArrivalKind;
  readonly decoder: string;
  readonly decoderOptions: DecoderOptions;
  readonly deadlineMs: number | null;
  readonly cbr: string;
  /** 0 for photographs at their own size. */
  readonly size: number;
  readonly images: readonly string[];
  readonly bundle: { readonly name: string; readonly version: string; readonly digest: string };
  readonly designCsnrDb: number;
  readonly resultFormat: ResultFormat;
  readonly backlog: number;
  readonly warmupS: number;
  readonly durationS: number;
  /** How long frames under way at the end are waited for. */
  readonly drainS: number;
  readonly seed: number;
}

/** How the links of a load test are made. */
export interface LoadLinks {
  readonly token: string | undefined;
  /** Streams are PREFIX-1, PREFIX-2, …; of those that share a link, the receiver sees the first. */
  readonly prefix: string;
  /** How long the links may take. */
  readonly waitMs: number;
}

export type LoadSettings = LoadConditions & LoadLinks;

export type LoadPhase = 'connecting' | 'warm-up' | 'measuring' | 'draining';

/** How a run is getting on, for whoever watches. */
export interface LoadProgress {
  readonly phase: LoadPhase;
  /** Milliseconds left of this phase. */
  readonly leftMs: number;
  /** Milliseconds for which counted frames have come due. */
  readonly measuredMs: number;
  readonly ledger: Ledger;
  /** Frames that wait for a credit. */
  readonly waiting: number;
  /** Frames between credit and outcome. */
  readonly underWay: number;
  /** Credits that the receiver gives to all streams together. */
  readonly credits: number;
}

export interface LoadTools {
  readonly photos: readonly EncodedPhoto[];
  readonly makeFrame: FrameMaker;
  readonly signal: AbortSignal;
  /** The same object throughout a run; it tells how things stand when it is read. */
  readonly onStart?: (progress: LoadProgress) => void;
  /** A drop that the peer decided. */
  readonly onPeerDrop?: (reason: string, detail: string) => void;
  /** Every final result, for what the generator itself doesn't look at. */
  readonly onResult?: (message: ResultMessage) => void;
}

/** Where the frames of a link went. */
export interface LoadTarget {
  readonly to: string;
  /** By index, the streams that sent there. */
  readonly streams: readonly number[];
}

/** The outcome of a run at one rate. */
export interface LoadRun {
  /** Frames per second that were to come due; the mean, where the rate changed. */
  readonly rate: number;
  /** Seconds in which counted frames came due: less than asked for when the run was cut short. */
  readonly measuredS: number;
  readonly ledger: Ledger;
  readonly targets: readonly LoadTarget[];
  readonly quality: QualitySampler;
  /** How late the generator itself was to notice that a frame was due. */
  readonly lateness: Latencies;
  /** Resident memory of this process at its highest, bytes. */
  readonly maxRssBytes: number;
  readonly interrupted: boolean;
  /** Why the run couldn't go on; undefined when it did. */
  readonly failure: unknown;
}

/** Arrivals are dealt out at a stretch for so long, then sockets have their turn. */
const MAX_STRETCH_MS = 10;
const POLL_MS = 20;
const SAMPLE_MS = 250;

/** Of so many things, those that fall to one of `of` by turns. */
const everyNth = (count: number, of: number, which: number): number[] =>
  Array.from({ length: count }, (_, i) => i).filter((i) => i % of === which);

/**
 * Offer frames at one rate, or along a profile, whatever comes back: connect, warm up, measure, wait for what is under way, and enter
 * everything that has no outcome by then as `gave-up`.
 *
 * @throws NoLinkError or the peer's refusal when the links can't be made; InterruptedError before the first frame
 */
export async function runLoad(
  rateOrProfile: number | RateProfile,
  settings: LoadSettings,
  tools: LoadTools,
): Promise<LoadRun> {
  const profile = typeof rateOrProfile === 'number' ? steady(rateOrProfile, settings.durationS) : rateOrProfile;
  const measuresFrom = 1000 * settings.warmupS;
  let measuredTo = measuresFrom + 1000 * settings.durationS;
  const drainMs = 1000 * settings.drainS;
  const streams = Array.from({ length: settings.streams }, (_, i) => `${settings.prefix}-${i + 1}`);
  // The clock of the run: milliseconds since frames began to come due; before that, since connecting began.
  let origin = performance.now();
  const now = (): number => performance.now() - origin;
  const quality = new QualitySampler();
  const lateness = new Latencies();
  const weightOf = (link: number): number => settings.weights[link % settings.weights.length]!;
  const ledger = new Ledger({
    streams,
    weights: streams.map((_, i) => weightOf(i % settings.sockets)),
    fromMs: measuresFrom,
    toMs: measuredTo,
    drainMs,
  });
  const watcher: FlightWatcher = {
    onTransmitted: (flight) => ledger.transmitted(flight, now()),
    onPreview: (flight) => ledger.previewed(flight, now()),
    onCompleted: (flight, message) => {
      ledger.completed(flight, now(), message.head, flight.previewed);
      tools.onResult?.(message);
      if (flight.counted) {
        quality.offer(flight.photo.original, message);
      }
    },
    onDropped: (due, reason, decider, detail) => {
      ledger.dropped(due, now(), reason, decider);
      if (decider === 'peer') {
        tools.onPeerDrop?.(reason, detail);
      }
    },
  };
  const addresses = settings.to.split(',');
  const targets = addresses.map((to, i) => ({
    to,
    streams: everyNth(settings.sockets, addresses.length, i).flatMap((socket) =>
      everyNth(streams.length, settings.sockets, socket),
    ),
  }));
  // Links show different photographs at a time, as real ones would.
  const transmitters = streams.slice(0, settings.sockets).map(
    (stream, i) =>
      new VirtualTransmitter({
        ...settings,
        ...tools,
        to: addresses[i % addresses.length]!,
        stream,
        weight: weightOf(i),
        firstPhoto: i,
        watcher,
      }),
  );
  const sum = (of: (transmitter: VirtualTransmitter) => number): number =>
    transmitters.reduce((total, transmitter) => total + of(transmitter), 0);
  const failed = new AbortController();
  for (const { link } of transmitters) {
    link.on('error', (error) => failed.abort(error));
  }
  const signal = AbortSignal.any([tools.signal, failed.signal]);

  let stage: 'connecting' | 'offering' | 'draining' = 'connecting';
  let stageEndsAt = settings.waitMs;
  let maxRssBytes = 0;
  const sample = (): void => {
    maxRssBytes = Math.max(maxRssBytes, process.memoryUsage.rss());
  };
  tools.onStart?.({
    get phase() {
      return stage === 'offering' ? (now() < measuresFrom ? 'warm-up' : 'measuring') : stage;
    },
    get leftMs() {
      return Math.max(0, (stage === 'offering' && now() < measuresFrom ? measuresFrom : stageEndsAt) - now());
    },
    get measuredMs() {
      return stage === 'connecting' ? 0 : Math.max(0, Math.min(now(), measuredTo) - measuresFrom);
    },
    ledger,
    get waiting() {
      return sum(({ waiting }) => waiting);
    },
    get underWay() {
      return sum(({ underWay }) => underWay);
    },
    get credits() {
      return sum(({ link }) => link.window);
    },
  });
  const sampling = setInterval(sample, SAMPLE_MS);
  try {
    await untilLinked(transmitters, settings, signal, tools.signal);

    origin = performance.now();
    stage = 'offering';
    stageEndsAt = measuredTo;
    const offer = (stream: number, dueAt: number): void => {
      const due: DueFrame = { stream, dueAt, counted: dueAt >= measuresFrom };
      lateness.record(now() - dueAt);
      ledger.due(due);
      transmitters[stream % transmitters.length]!.offer(due);
    };
    const { arrivals: kind, seed, warmupS } = settings;
    const source = arrivals({ kind, profile: withWarmUp(profile, warmupS), streams: streams.length, seed });
    await offerUntil(measuredTo, source, now, signal, offer);
    if (signal.aborted) {
      measuredTo = Math.min(measuredTo, now());
    } else {
      stage = 'draining';
      stageEndsAt = now() + drainMs;
      await drain(ledger, drainMs, signal);
    }
    const [reason, message] = tools.signal.aborted
      ? (['cancelled', 'the run was interrupted'] as const)
      : ([
          'gave-up',
          failed.signal.aborted ? describeError(failed.signal.reason) : 'it had no outcome in time',
        ] as const);
    for (const transmitter of transmitters) {
      transmitter.abandon(reason, message);
    }
    sample();
  } finally {
    clearInterval(sampling);
    await Promise.all(transmitters.map(async (transmitter) => await transmitter.close()));
  }
  await quality.settled();
  return {
    rate: typeof rateOrProfile === 'number' ? rateOrProfile : framesOf(profile) / settings.durationS,
    measuredS: Math.max(0, measuredTo - measuresFrom) / 1000,
    ledger,
    targets,
    quality,
    lateness,
    maxRssBytes,
    interrupted: tools.signal.aborted,
    failure: failed.signal.aborted ? failed.signal.reason : undefined,
  };
}

/** @throws NoLinkError when a link isn't there in time; the peer's refusal; InterruptedError */
async function untilLinked(
  transmitters: readonly VirtualTransmitter[],
  { to, waitMs }: LoadSettings,
  signal: AbortSignal,
  interruption: AbortSignal,
): Promise<void> {
  const timeout = new AbortController();
  try {
    await Promise.race([
      Promise.all(transmitters.map(async ({ link }) => await link.ready)),
      withAnySignal([signal, timeout.signal], async (ended) => sleep(waitMs, undefined, { signal: ended })).then(() => {
        const missing = transmitters.filter(({ link }) => link.welcome === undefined);
        const problem = missing
          .map(({ link: { state } }) => ('error' in state ? state.error : undefined))
          .find(Boolean);
        throw new NoLinkError(
          `${missing.length} of ${transmitters.length} streams have no link to ${to} within ${waitMs / 1000} s` +
            (problem === undefined ? '' : `: ${problem.message}`),
          {
            remedy:
              'start channel and receiver (semcast up does), name another with --to ws://HOST:PORT, or raise ' +
              'maxSessions of the channel and maxStreams of the receiver',
            cause: problem,
          },
        );
      }),
    ]);
  } catch (error) {
    if (interruption.aborted) {
      throw new InterruptedError('interrupted while connecting');
    }
    // The refusal of a link also ends the wait, and which of the two is heard of first is chance.
    throw signal.aborted ? signal.reason : error;
  } finally {
    timeout.abort();
  }
}

/**
 * Deal out arrivals as they come due on the clock of the run, until `endAt` or the signal. A generator that was kept from its work catches up
 * at once, and each frame keeps the time at which it was due.
 */
async function offerUntil(
  endAt: number,
  source: ReturnType<typeof arrivals>,
  now: () => number,
  signal: AbortSignal,
  offer: (stream: number, dueAt: number) => void,
): Promise<void> {
  let turnBeganAt = now();
  for (const { atMs, stream } of source) {
    const dueAt = Math.min(atMs, endAt);
    for (let left = dueAt - now(); left > 0 && !signal.aborted; left = dueAt - now()) {
      await sleep(left, undefined, { signal }).catch(() => {});
      turnBeganAt = now();
    }
    if (signal.aborted || dueAt >= endAt) {
      return;
    }
    if (now() - turnBeganAt > MAX_STRETCH_MS) {
      await nextTurn();
      turnBeganAt = now();
    }
    offer(stream, dueAt);
  }
  for (let left = endAt - now(); left > 0 && !signal.aborted; left = endAt - now()) {
    await sleep(left, undefined, { signal }).catch(() => {});
  }
}

async function drain(ledger: Ledger, drainMs: number, signal: AbortSignal): Promise<void> {
  const endsAt = performance.now() + drainMs;
  while (ledger.outstanding > 0 && performance.now() < endsAt && !signal.aborted) {
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}
