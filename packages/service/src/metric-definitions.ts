/** The services that expose metrics. */
export const SERVICE_NAMES = ['transmitter', 'channel', 'receiver'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** One contracted metric: what it is called, what it means, and who exposes it. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** The full name that Prometheus sees; base units, no abbreviations. */
  readonly name: `semcast_${string}`;
  readonly help: string;
  /** Label names. Values must come from small closed sets: never a stream, a frame, a path or a message. */
  readonly labels: readonly string[];
  /** Histograms only: ascending upper bounds, without +Inf. */
  readonly buckets?: readonly number[];
  readonly services: readonly ServiceName[];
}

/** From one millisecond to a minute: a frame may take 2 ms of channel or 40 s of guided sampling. */
const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60] as const;
/** Similarities crowd towards one, where a step in the second digit is what one sees. */
const SIMILARITY = [0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995] as const;

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
  frameLatency: {
    kind: 'histogram',
    name: 'semcast_frame_latency_seconds',
    help: 'Time that one frame spent in a stage of this service.',
    labels: ['stage'],
    buckets: LATENCY_SECONDS,
    services: ['transmitter', 'channel', 'receiver'],
  },
  endToEndLatency: {
    kind: 'histogram',
    name: 'semcast_end_to_end_latency_seconds',
    help: 'Time from reading a photograph to its final result, there and back, on the clock of the transmitter.',
    labels: ['decoder'],
    buckets: LATENCY_SECONDS,
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
  reconstructionPsnr: {
    kind: 'histogram',
    name: 'semcast_reconstruction_psnr_db',
    help: 'PSNR of final results against the original, in decibels.',
    labels: ['decoder'],
    buckets: [10, 15, 18, 20, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 36, 38, 40, 45, 50],
    services: ['transmitter'],
  },
  reconstructionSsim: {
    kind: 'histogram',
    name: 'semcast_reconstruction_ssim',
    help: 'SSIM of final results against the original.',
    labels: ['decoder'],
    buckets: SIMILARITY,
    services: ['transmitter'],
  },
  reconstructionMsSsim: {
    kind: 'histogram',
    name: 'semcast_reconstruction_ms_ssim',
    help: 'MS-SSIM of final results against the original.',
    labels: ['decoder'],
    buckets: SIMILARITY,
    services: ['transmitter'],
  },
  measurementResidual: {
    kind: 'histogram',
    name: 'semcast_measurement_residual_ratio',
    help: 'Mean |y - h·E(x)|² over the noise variance: near 1 when the picture explains what was received.',
    labels: ['decoder'],
    buckets: [0.25, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 30, 100],
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
  inference: {
    kind: 'histogram',
    name: 'semcast_inference_seconds',
    help: 'Time of one run of a network inside ONNX Runtime.',
    labels: ['graph'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    services: ['transmitter', 'receiver'],
  },
  sessions: {
    kind: 'gauge',
    name: 'semcast_sessions',
    help: 'Open links: those of clients, or at the transmitter its own.',
    labels: [],
    services: ['transmitter', 'channel', 'receiver'],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof METRIC_DEFINITIONS;
