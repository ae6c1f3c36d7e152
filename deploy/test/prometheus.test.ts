import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDefaultBundle, loadBundle } from '@semcast/bundle';
import { parseChannelConfig } from '@semcast/channel-models';
import { dashboards, readRules } from '@semcast/deploy';
import { createLogger, METRIC_DEFINITIONS, SERVICE_NAMES, type MetricDefinition } from '@semcast/service';
import { startStack, type Stack } from '@semcast/stack';
import { waitFor } from '@semcast/testkit';
import { DEMO_PHOTOS } from '@semcast/transmitter';
import { planSweep, reportHead, runSweep, SweepLog, type SweepReport, type SweepSettings } from 'semcast';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { prometheus, startPrometheus, type Sample, type TestPrometheus } from './support/prometheus.js';
import {
  expressionsOfDashboard,
  isGpuMetric,
  metricsIn,
  nameOfRule,
  withoutVariables,
  type Expression,
} from './support/queries.js';

// Networks, and scrapes every two seconds, on two slow, busy cores.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const PHOTOS = ['brushes.jpg', 'creek.jpg', 'dandelion.jpg'];
const NO_PHOTO = 'letter.png';
const SNRS_DB = [0, 10];
const DECODER = 'distilled';
const FRAMES = PHOTOS.length * SNRS_DB.length;

/** Only a digital link loses pictures, and only receivers on both sides of a queue have frames there. */
const ABSENT: ReadonlySet<string> = new Set([
  'semcast_lost_pictures_total',
  'semcast_queue_frames',
  'semcast_dead_letters_total',
]);

/** Metrics that this run gives no value: nothing is drawn while there is nothing to draw. */
const mayBeAbsent = (metric: string): boolean =>
  isGpuMetric(metric) || metric === 'ALERTS' || metric.includes('semcast_dropped_frames') || ABSENT.has(metric);

/** Metrics of several services of which this run gives one a value: only the transmitter drops anything… */
const OF_ONE: ReadonlySet<string> = new Set([
  'semcast_dropped_frames_total',
  // … and a sweep's encoder serves all its transmitters, so that its time is told by none.
  'semcast_inference_seconds',
]);
const isOfSharedEncoder = (expr: string): boolean =>
  expr.includes('semcast_inference_seconds') && expr.includes('job="transmitter"');

interface Evaluated extends Expression {
  readonly samples: readonly Sample[];
}

/** What one sweep reports, and what Prometheus knew of the services at its end. */
interface Run {
  readonly report: SweepReport;
  readonly snapshot: readonly Sample[];
  readonly evaluated: readonly Evaluated[];
}

/** Run a sweep against services that Prometheus scrapes; just before it ends, look at everything. */
async function observeSweep(stack: Stack, server: TestPrometheus, dir: string): Promise<Run> {
  const rows = SNRS_DB.map((snrDb, i) => `${i * (PHOTOS.length + 1)},${snrDb}`);
  stack.channel.update({ snr: { name: 'trace', csv: ['frame,snr_db', ...rows].join('\n') } });
  const hostOf = (url: string): string => new URL(url).host;
  await server.addTarget('receiver', hostOf(stack.receiver.httpUrl));
  await server.addTarget('channel', hostOf(stack.channel.httpUrl));

  let snapshot: readonly Sample[] = [];
  const evaluated: Evaluated[] = [];
  const look = async (): Promise<void> => {
    const completed = (stage: string, outcome: string): string =>
      `semcast_frames_total{stage="${stage}",outcome="${outcome}"}`;
    const ends = [
      completed('transmitter', 'completed'),
      completed('channel', 'forwarded'),
      completed('receiver', 'completed'),
    ];
    await waitFor('Prometheus to know of every frame, and two scrapes more', async () => {
      const samples = await server.query(`count_over_time((${ends.join(' or ')} == ${FRAMES})[1m:1s])`);
      return samples.length === ends.length && samples.every(({ value }) => value > 5);
    });
    snapshot = await server.query('{__name__=~"semcast_.+"}');
    for (const [name, dashboard] of Object.entries(dashboards)) {
      for (const { where, expr } of expressionsOfDashboard(name, dashboard)) {
        evaluated.push({ where, expr, samples: await server.query(withoutVariables(expr)) });
      }
    }
    for (const rule of await readRules()) {
      evaluated.push({ where: nameOfRule(rule), expr: rule.expr, samples: await server.query(rule.expr) });
    }
  };

  let measured = 0;
  const settings: SweepSettings = {
    files: [...PHOTOS, NO_PHOTO].map((name) => join(dir, name)),
    // As docker-compose.yml has it, with previews; as few steps as it is content with.
    variants: [{ decoder: DECODER, asked: DECODER, steps: 1, options: { steps: 1, minSteps: 1 }, completeOptions: {} }],
    snrsDb: SNRS_DB,
    designSnrDb: undefined,
    draws: 1,
    precision: 'float32',
    cbrs: ['1/24'],
    bundle: await loadBundle(findDefaultBundle()),
    device: 'cpu',
    channel: 'awgn',
    channelOptions: {},
    fading: { drawFading: () => null },
    seed: 0,
    channelConfig: parseChannelConfig({}),
    csi: 'genie',
    waveform: 'single-carrier',
    // MS-SSIM needs 176.
    size: 192,
    metricBundles: [],
    pictures: undefined,
    namesPictures: false,
    inFlight: undefined,
  };
  const head = await reportHead(settings, { command: 'semcast sweep', seed: 0, metricBundles: [] });
  const log = new SweepLog({ head, channel: settings.channel, groups: planSweep(settings) });
  await runSweep(settings, {
    log,
    channelUrl: stack.channel.wsUrl,
    // Asked to look at each picture that has come back, and waited for: the last one holds the sweep.
    realism: {
      add: async () => {
        measured++;
        if (measured === FRAMES) {
          await look();
        }
      },
      conclude: () => ({}),
    },
    // The sweep's transmitter takes any port, and says which.
    logger: createLogger({
      service: 'sweep',
      destination: {
        write: (line) => {
          const { http } = JSON.parse(line) as { http?: string };
          if (http !== undefined) {
            void server.addTarget('transmitter', hostOf(http));
          }
        },
      },
    }),
    signal: new AbortController().signal,
    onFrame: () => {},
    onDropped: () => {},
  });
  return { report: log.report(), snapshot, evaluated };
}

describe.skipIf(prometheus === undefined)('Prometheus, scraping the three services during a sweep', () => {
  let dir = '';
  let stack: Stack | undefined;
  let server: TestPrometheus | undefined;
  let run: Run;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'semcast-scraped-'));
    await Promise.all(PHOTOS.map(async (name) => await copyFile(join(DEMO_PHOTOS, name), join(dir, name))));
    await writeFile(join(dir, NO_PHOTO), 'Dear Madam,');
    server = await startPrometheus();
    // Rows have their residuals, so that metrics can be held against them.
    stack = await startStack({ receiver: { residualFirst: true } });
    run = await observeSweep(stack, server, dir);
  });
  afterAll(async () => {
    await stack?.close();
    await server?.close();
    await rm(dir, { recursive: true });
  });

  /** The only sample of a metric with these labels. */
  function valueOf(name: string, labels: Readonly<Record<string, string>>): number {
    const matching = run.snapshot.filter(({ metric }) =>
      Object.entries({ __name__: name, ...labels }).every(([label, value]) => metric[label] === value),
    );
    expect(matching, `${name} ${JSON.stringify(labels)}`).toHaveLength(1);
    return matching[0]!.value;
  }
  const sumOf = (of: (row: SweepReport['rows'][number]) => number | null): number =>
    run.report.rows.reduce((sum, row) => sum + of(row)!, 0);

  it('knows of as many frames as the sweep reports, at every service', () => {
    expect(run.report.rows).toHaveLength(FRAMES);
    expect(valueOf('semcast_frames_total', { job: 'transmitter', outcome: 'completed' })).toBe(FRAMES);
    expect(valueOf('semcast_frames_total', { job: 'channel', outcome: 'forwarded' })).toBe(FRAMES);
    expect(valueOf('semcast_frames_total', { job: 'receiver', outcome: 'completed' })).toBe(FRAMES);
    // The file that is no photograph, once for each SNR.
    const dropped = { job: 'transmitter', reason: 'unreadable-image' };
    expect(valueOf('semcast_dropped_frames_total', dropped)).toBe(SNRS_DB.length);
    expect(valueOf('semcast_frames_total', { job: 'transmitter', outcome: 'dropped' })).toBe(SNRS_DB.length);
  });

  it.each([
    ['semcast_reconstruction_psnr_db', { decoder: DECODER }, 'psnrDb', 1],
    ['semcast_reconstruction_ssim', { decoder: DECODER }, 'ssim', 1],
    ['semcast_reconstruction_ms_ssim', { decoder: DECODER }, 'msSsim', 1],
    ['semcast_reconstruction_contrast', { decoder: DECODER }, 'contrast', 1],
    ['semcast_measurement_residual_ratio', { decoder: DECODER }, 'residual', 1],
    ['semcast_end_to_end_latency_seconds', { decoder: DECODER }, 'endToEndMs', 1000],
    ['semcast_frame_latency_seconds', { job: 'receiver', stage: 'preview' }, 'previewMs', 1000],
    ['semcast_frame_latency_seconds', { job: 'receiver', stage: 'decode' }, 'decodeMs', 1000],
  ] as const)('%s agrees with %s in the rows', (name, labels, field, scale) => {
    expect(valueOf(`${name}_count`, labels)).toBe(FRAMES);
    expect(valueOf(`${name}_sum`, labels)).toBeCloseTo(sumOf((row) => row[field]) / scale, 9);
    const { buckets } = Object.values<MetricDefinition>(METRIC_DEFINITIONS).find((other) => other.name === name)!;
    for (const bound of buckets!) {
      const expected = run.report.rows.filter((row) => row[field]! / scale <= bound).length;
      expect(valueOf(`${name}_bucket`, { ...labels, le: String(bound) }), `≤ ${bound}`).toBe(expected);
    }
  });

  it('knows of a preview of each, whose PSNR is near that of the refined picture', () => {
    expect(valueOf('semcast_preview_psnr_db_count', { decoder: DECODER })).toBe(FRAMES);
    const meanDb = valueOf('semcast_preview_psnr_db_sum', { decoder: DECODER }) / FRAMES;
    expect(Math.abs(meanDb - sumOf((row) => row.psnrDb) / FRAMES)).toBeLessThan(3);
  });

  it('has buckets for what comes: nothing in the last one, not everything in one', () => {
    for (const name of ['psnr_db', 'ssim', 'ms_ssim', 'contrast'] as const) {
      const key = `semcast_reconstruction_${name}` as const;
      const { buckets } = Object.values<MetricDefinition>(METRIC_DEFINITIONS).find((other) => other.name === key)!;
      const counts = buckets!.map((bound) => valueOf(`${key}_bucket`, { le: String(bound) }));
      expect(counts.at(-1), key).toBe(FRAMES);
      expect(new Set(counts).size, key).toBeGreaterThan(2);
    }
  });

  it('counts what crossed the channel', () => {
    expect(valueOf('semcast_channel_uses_total', { job: 'channel' })).toBe(sumOf((row) => row.channelUses));
    expect(valueOf('semcast_channel_bandwidth_ratio', { job: 'transmitter' })).toBeCloseTo(1 / 24, 12);
    expect(valueOf('semcast_sampler_steps_total', { decoder: DECODER })).toBe(sumOf((row) => row.steps));
    for (const job of SERVICE_NAMES) {
      // Of the last group.
      expect(valueOf('semcast_snr_db', { job, kind: 'configured' }), job).toBe(SNRS_DB.at(-1));
      expect(valueOf('semcast_sessions', { job }), job).toBe(1);
    }
    const bytes = (job: string, direction: string): number => valueOf('semcast_wire_bytes_total', { job, direction });
    expect(bytes('channel', 'in')).toBe(bytes('transmitter', 'out') + bytes('receiver', 'out'));
    expect(bytes('channel', 'out')).toBe(bytes('transmitter', 'in') + bytes('receiver', 'in'));
  });

  it('gets every metric from every service that should have it, and from no other', () => {
    for (const { name, kind, services } of Object.values<MetricDefinition>(METRIC_DEFINITIONS)) {
      const series = kind === 'histogram' ? `${name}_count` : name;
      const jobs = new Set(
        run.snapshot.filter(({ metric }) => metric['__name__'] === series).map(({ metric }) => metric['job']),
      );
      const known = new Set<string | undefined>(services);
      expect(
        [...jobs].filter((job) => !known.has(job)),
        name,
      ).toEqual([]);
      expect(jobs.size, name).toBe(ABSENT.has(name) ? 0 : OF_ONE.has(name) ? 1 : services.length);
    }
  });

  it('understands every query of every dashboard and rule, and has something to draw for it', () => {
    expect(run.evaluated.length).toBeGreaterThan(80);
    const alerts = run.evaluated.filter(({ where }) => where.startsWith('Semcast'));
    const drawn = run.evaluated.filter(
      (query) =>
        !alerts.includes(query) &&
        !isOfSharedEncoder(query.expr) &&
        !metricsIn(query.expr).some(({ metric }) => mayBeAbsent(metric)),
    );
    expect(drawn.filter(({ samples }) => samples.length === 0).map(({ where, expr }) => `${where}: ${expr}`)).toEqual(
      [],
    );
    // This run is sound.
    expect(alerts.length).toBeGreaterThan(5);
    const firing = alerts.filter(({ samples }) => samples.length > 0).map(({ where }) => where);
    expect(firing.filter((alert) => alert !== 'SemcastDroppingFrames')).toEqual([]);
  });
});
