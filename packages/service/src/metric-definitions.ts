import { qualityMetrics, type MetricName } from '@semcast/quality';
import { EVENT_NAMES } from './events.js';

/** The services that expose metrics. */
export const SERVICE_NAMES = ['transmitter', 'channel', 'receiver'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** What a label says, and, where the set of its values is fixed, which there are. */
export interface LabelDefinition {
  readonly help: string;
  readonly values?: readonly string[];
}

/**
 * Every label of the metrics below, once. Sets that a registry makes (decoders, graphs of a bundle, drop reasons) are
 * named by where they come from.
 */
export const LABEL_DEFINITIONS = {
  stage: {
    help: 'Of frames: the service. Of latencies: the stage within it, named as in [the path of a frame](data-path.md).',
  },
  outcome: {
    help: 'How a frame left: with its final result, on to the receiver, or not at all.',
    values: ['completed', 'forwarded', 'dropped'],
  },
  reason: {
    help: 'Why a frame was dropped: one of the [drop reasons](errors.md#drop-reasons). Why a picture was lost: one of the [reasons for that](errors.md#lost-pictures). Why a frame became a dead letter: one of [those](scaling.md#dead-letters).',
  },
  decoder: { help: "The decoder that made the picture: one of the receiver's registry." },
  direction: { help: 'As this service sees it.', values: ['in', 'out'] },
  kind: {
    help: 'As the channel was set; with the gains that this very frame met; after equalisation, with genie channel state; as the receiver estimated it, without.',
    values: ['configured', 'measured', 'effective', 'estimated'],
  },
  graph: { help: 'The network: one of the graphs of the bundle, or a metric bundle.' },
  state: {
    help: 'Of frames in the queue: no worker has begun it yet, or one has it.',
    values: ['waiting', 'taken'],
  },
  event: { help: 'What happened; the log line has it as `event`.', values: EVENT_NAMES },
} as const satisfies Record<string, LabelDefinition>;
export type LabelName = keyof typeof LABEL_DEFINITIONS;

/** One contracted metric: what it is called, what it means, and who exposes it. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** The full name that Prometheus sees; base units, no abbreviations. */
  readonly name: `semcast_${string}`;
  readonly help: string;
  /** Values must come from small closed sets: never a stream, a frame, a path or a message. */
  readonly labels: readonly LabelName[];
  /** Histograms only: ascending upper bounds, without +Inf. */
  readonly buckets?: readonly number[];
  readonly services: readonly ServiceName[];
}

/**
 * From half a millisecond (modulating, demodulating, a queue that is empty) to five minutes (guided sampling of a large
 * picture on a CPU).
 */
const STAGE_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
] as const;
/** There and back; closer together around the second or two that a service objective names. */
const END_TO_END_SECONDS = [
  0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 40, 60, 120, 300,
] as const;
/** Below one the picture also explains the noise (0.4 to 1.2 for one pass of a codec); far above, it has diverged. */
const RESIDUAL_RATIO = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 30, 100] as const;
/** From a small codec on a GPU to a guided step of a large picture on a CPU. */
const INFERENCE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

/** `msSsim` → `ms_ssim`. */
const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A histogram for each metric of the registry of packages/quality. */
const RECONSTRUCTION = Object.fromEntries(
  Object.values(qualityMetrics).map(({ name, label, unit, buckets }) => [
    `reconstruction.${name}`,
    {
      kind: 'histogram',
      name: `semcast_reconstruction_${snakeCase(name)}`,
      help: `${label}${unit === '' ? '' : ` (${unit})`} of final results against the original.`,
      labels: ['decoder'],
      buckets,
      services: ['transmitter'],
    },
  ]),
) as unknown as {
  readonly [Name in MetricName as `reconstruction.${Name}`]: MetricDefinition & {
    readonly kind: 'histogram';
    readonly labels: readonly ['decoder'];
    readonly services: readonly ['transmitter'];
  };
};

/**
 * Every metric of semcast, once. Names, labels and units are a contract with dashboards and alerts;
 * adding one is a line here, and nothing else may register a metric.
 */
export const METRIC_DEFINITIONS = {
  frames: {
    kind: 'counter',
    name: 'semcast_frames_total',
    help: 'Frames that left a stage of this service, by how they left it.',
    labels: ['stage', 'outcome'],
    services: ['transmitter', 'channel', 'receiver'],
  },
  droppedFrames: {
    kind: 'counter',
    name: 'semcast_dropped_frames_total',
    help: 'Frames that ended without a result, by drop reason, counted where the drop was decided.',
    labels: ['reason'],
    services: ['transmitter', 'channel', 'receiver'],
  },
  lostPictures: {
    kind: 'counter',
    name: 'semcast_lost_pictures_total',
    help: 'Results with a grey picture in place of one that did not come through its channel code, by reason.',
    labels: ['decoder', 'reason'],
    services: ['receiver'],
  },
  frameLatency: {
    kind: 'histogram',
    name: 'semcast_frame_latency_seconds',
    help: 'Time that one frame spent in a stage of this service.',
    labels: ['stage'],
    buckets: STAGE_SECONDS,
    services: ['transmitter', 'channel', 'receiver'],
  },
  endToEndLatency: {
    kind: 'histogram',
    name: 'semcast_end_to_end_latency_seconds',
    help: 'Time from reading a photograph to its final result, there and back, on the clock of the transmitter.',
    labels: ['decoder'],
    buckets: END_TO_END_SECONDS,
    services: ['transmitter'],
  },
  channelUses: {
    kind: 'counter',
    name: 'semcast_channel_uses_total',
    help: 'Complex samples that crossed the channel, pilots and cyclic prefixes included.',
    labels: [],
    services: ['channel'],
  },
  channelBandwidthRatio: {
    kind: 'gauge',
    name: 'semcast_channel_bandwidth_ratio',
    help: 'Complex channel uses per real image value (3·H·W) of the newest frame.',
    labels: [],
    services: ['transmitter'],
  },
  wireBytes: {
    kind: 'counter',
    name: 'semcast_wire_bytes_total',
    help: 'Bytes of whole wire messages, by direction as this service sees it (in, out).',
    labels: ['direction'],
    services: ['transmitter', 'channel', 'receiver'],
  },
  snr: {
    kind: 'gauge',
    name: 'semcast_snr_db',
    help: 'Channel signal-to-noise ratio per complex symbol of the newest frame, in decibels.',
    labels: ['kind'],
    services: ['transmitter', 'channel', 'receiver'],
  },
  ...RECONSTRUCTION,
  previewPsnr: {
    kind: 'histogram',
    name: 'semcast_preview_psnr_db',
    help: 'PSNR (dB) of previews against the original, by the decoder that refined them.',
    labels: ['decoder'],
    buckets: qualityMetrics.psnrDb.buckets,
    services: ['transmitter'],
  },
  measurementResidual: {
    kind: 'histogram',
    name: 'semcast_measurement_residual_ratio',
    help: 'Mean |y - h·E(x)|² over the noise variance: near 1 when the picture explains what was received.',
    labels: ['decoder'],
    buckets: RESIDUAL_RATIO,
    services: ['receiver'],
  },
  samplerSteps: {
    kind: 'counter',
    name: 'semcast_sampler_steps_total',
    help: 'Guided steps spent on frames.',
    labels: ['decoder'],
    services: ['receiver'],
  },
  schedulerBatchSize: {
    kind: 'histogram',
    name: 'semcast_scheduler_batch_size',
    help: 'Frames that shared one run of a network.',
    labels: [],
    buckets: [1, 2, 3, 4, 6, 8, 12, 16, 24, 32],
    services: ['receiver'],
  },
  schedulerQueueDepth: {
    kind: 'gauge',
    name: 'semcast_scheduler_queue_depth',
    help: 'Frames that wait for a decoder.',
    labels: [],
    services: ['receiver'],
  },
  queueFrames: {
    kind: 'gauge',
    name: 'semcast_queue_frames',
    help: 'Frames that this receiver has put into the queue between receivers (NATS) and that have not ended.',
    labels: ['state'],
    services: ['receiver'],
  },
  queueWorkers: {
    kind: 'gauge',
    name: 'semcast_queue_workers',
    help: 'Decode workers at the queue that have the bundle of this receiver.',
    labels: [],
    services: ['receiver'],
  },
  queueRedeliveries: {
    kind: 'counter',
    name: 'semcast_queue_redeliveries_total',
    help: 'Frames that came from the queue more than once: their worker died, handed them back, or was not heard.',
    labels: [],
    services: ['receiver'],
  },
  deadLetters: {
    kind: 'counter',
    name: 'semcast_dead_letters_total',
    help: 'Frames that were put aside for somebody to look at, by reason.',
    labels: ['reason'],
    services: ['receiver'],
  },
  inference: {
    kind: 'histogram',
    name: 'semcast_inference_seconds',
    help: 'Time of one run of a network inside ONNX Runtime.',
    labels: ['graph'],
    buckets: INFERENCE_SECONDS,
    services: ['transmitter', 'receiver'],
  },
  sessions: {
    kind: 'gauge',
    name: 'semcast_sessions',
    help: 'Open links: those of clients, or at the transmitter its own.',
    labels: [],
    services: ['transmitter', 'channel', 'receiver'],
  },
  events: {
    kind: 'counter',
    name: 'semcast_events_total',
    help: 'Notable moments, as they stand in the log and in the console: changes, drops, links that come and go.',
    labels: ['event'],
    services: ['transmitter', 'channel', 'receiver'],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof METRIC_DEFINITIONS;
