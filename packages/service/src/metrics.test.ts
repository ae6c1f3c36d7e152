import { describe, expect, it } from 'vitest';
import {
  LABEL_DEFINITIONS,
  METRIC_DEFINITIONS,
  SERVICE_NAMES,
  type MetricDefinition,
  type ServiceName,
} from './metric-definitions.js';
import { createMetrics } from './metrics.js';

const definitions = Object.values<MetricDefinition>(METRIC_DEFINITIONS);
const metricDefinitionsOf = (service: ServiceName) => definitions.filter(({ services }) => services.includes(service));

describe('the table of metrics', () => {
  it('has every contracted name with its labels, and no other', () => {
    const contract = {
      semcast_frames_total: ['stage', 'outcome'],
      semcast_dropped_frames_total: ['reason'],
      semcast_frame_latency_seconds: ['stage'],
      semcast_lost_pictures_total: ['decoder', 'reason'],
      semcast_end_to_end_latency_seconds: ['decoder'],
      semcast_channel_uses_total: [],
      semcast_channel_bandwidth_ratio: [],
      semcast_wire_bytes_total: ['direction'],
      semcast_snr_db: ['kind'],
      semcast_reconstruction_psnr_db: ['decoder'],
      semcast_preview_psnr_db: ['decoder'],
      semcast_reconstruction_ssim: ['decoder'],
      semcast_reconstruction_ms_ssim: ['decoder'],
      semcast_reconstruction_contrast: ['decoder'],
      semcast_measurement_residual_ratio: ['decoder'],
      semcast_sampler_steps_total: ['decoder'],
      semcast_scheduler_batch_size: [],
      semcast_scheduler_queue_depth: [],
      semcast_inference_seconds: ['graph'],
      semcast_sessions: [],
      // Beside the first contract: notable moments, countable.
      semcast_events_total: ['event'],
      // Of receivers that have a queue between links and decoding.
      semcast_queue_frames: ['state'],
      semcast_queue_workers: [],
      semcast_queue_redeliveries_total: [],
      semcast_dead_letters_total: ['reason'],
    };
    expect(Object.fromEntries(definitions.map(({ name, labels }) => [name, labels]))).toEqual(contract);
  });

  it.each(definitions)('$name follows the naming rules', ({ kind, name, help, labels, buckets, services }) => {
    expect(name).toMatch(/^semcast_[a-z]+(_[a-z]+)*$/);
    // promtool check metrics: counters and only counters end in _total, histograms not in a suffix of their series.
    expect(name.endsWith('_total')).toBe(kind === 'counter');
    expect(name).not.toMatch(/_(count|sum|bucket|info|milliseconds|ms|bytes_per_second)$/);
    expect(help).toMatch(/^[A-Z].*[a-z)]\.$/);
    expect(labels.filter((label: string) => ['stream', 'frame', 'session', 'le', 'quantile'].includes(label))).toEqual(
      [],
    );
    expect(services.length).toBeGreaterThan(0);
    expect(buckets !== undefined).toBe(kind === 'histogram');
    const bounds = buckets ?? [0];
    expect(bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!)).toBe(true);
  });

  it('tells of every label that a metric has, and of no other', () => {
    const used = new Set(definitions.flatMap(({ labels }) => labels));
    expect(Object.keys(LABEL_DEFINITIONS).sort()).toEqual([...used].sort());
  });

  it('gives every service what belongs to it', () => {
    expect(SERVICE_NAMES.map((service) => metricDefinitionsOf(service).length)).toEqual([15, 8, 17]);
    const names = metricDefinitionsOf('channel').map(({ name }) => name);
    expect(names).toContain('semcast_channel_uses_total');
    expect(names).not.toContain('semcast_reconstruction_psnr_db');
  });
});

/** Samples of an exposition, without process metrics: `name{labels}` → value. */
async function scrape(metrics: { text(): Promise<string> }): Promise<Record<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('semcast_'));
  return Object.fromEntries(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

describe('createMetrics', () => {
  const bare = { processMetrics: false } as const;

  it('counts, sets and observes under the contracted names', async () => {
    const metrics = createMetrics('receiver', bare);
    metrics.frames.inc({ stage: 'decode', outcome: 'completed' });
    metrics.frames.inc({ stage: 'decode', outcome: 'completed' }, 2);
    metrics.schedulerQueueDepth.set(4);
    metrics.schedulerQueueDepth.set(2);
    metrics.snr.set({ kind: 'estimated' }, 9.5);
    metrics.inference.observe({ graph: 'decoder' }, 0.02);
    const samples = await scrape(metrics);
    expect(samples['semcast_frames_total{stage="decode",outcome="completed"}']).toBe(3);
    expect(samples['semcast_scheduler_queue_depth']).toBe(2);
    expect(samples['semcast_snr_db{kind="estimated"}']).toBe(9.5);
    expect(samples['semcast_inference_seconds_count{graph="decoder"}']).toBe(1);
    expect(samples['semcast_inference_seconds_bucket{le="0.01",graph="decoder"}']).toBe(0);
    expect(samples['semcast_inference_seconds_bucket{le="0.025",graph="decoder"}']).toBe(1);
  });

  it('exposes help and type of its own metrics and of no other service', async () => {
    for (const service of SERVICE_NAMES) {
      const text = await createMetrics(service, bare).text();
      const typed = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => `${name} ${kind}`);
      expect(typed.sort()).toEqual(
        metricDefinitionsOf(service)
          .map(({ name, kind }) => `${name} ${kind}`)
          .sort(),
      );
    }
  });

  it('knows by type which metrics a service has and which labels they take', () => {
    const channel = createMetrics('channel', bare);
    // @ts-expect-error -- the channel reconstructs nothing
    expect(channel['reconstruction.psnrDb']).toBeUndefined();
    // @ts-expect-error -- a misspelt label
    expect(() => channel.droppedFrames.inc({ raison: 'deadline' })).toThrow('raison');
    // @ts-expect-error -- labels left out: the line would be counted under no reason
    const withoutLabels = () => channel.droppedFrames.inc();
    expect(withoutLabels).toThrow(TypeError);
  });

  it('leaves out what is no finite number instead of failing the frame', async () => {
    const metrics = createMetrics('receiver', bare);
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      metrics.measurementResidual.observe({ decoder: 'jscc' }, value);
      metrics.snr.set({ kind: 'estimated' }, value);
      metrics.wireBytes.inc({ direction: 'in' }, value);
    }
    const samples = await scrape(metrics);
    expect(Object.keys(samples).filter((name) => /residual|snr|wire/.test(name))).toEqual([]);
  });

  it('folds label sets beyond the limit into one', async () => {
    const metrics = createMetrics('receiver', bare);
    for (let i = 0; i < 1000; i++) {
      metrics.samplerSteps.inc({ decoder: `decoder-${i % 200}` });
    }
    const samples = await scrape(metrics);
    expect(samples).toMatchObject({
      'semcast_sampler_steps_total{decoder="decoder-0"}': 5,
      'semcast_sampler_steps_total{decoder="decoder-99"}': 5,
      'semcast_sampler_steps_total{decoder="other"}': 500,
    });
    expect(Object.keys(samples).filter((name) => name.includes('sampler_steps'))).toHaveLength(101);
  });

  it('has process metrics by default, and shares nothing between two of a kind', async () => {
    const [first, second] = [createMetrics('channel'), createMetrics('channel')];
    first.sessions.set(5);
    expect(await first.text()).toContain('process_resident_memory_bytes');
    expect(await first.text()).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(await scrape(second)).toMatchObject({ semcast_sessions: 0 });
    expect(await createMetrics('channel', bare).text()).not.toContain('process_');
    expect(first.contentType).toContain('text/plain; version=0.0.4');
  });
});
