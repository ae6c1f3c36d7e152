import { eachMetric } from '@semcast/quality';
import { planSweep, type SweepGroup } from '../src/sweep/plan.js';
import { SWEEP_SCHEMA, type SweepRow, type SweepSummary } from '../src/sweep/report.js';
import type { ReportHead } from '../src/sweep/sweep-log.js';
import type { SweepVariant } from '../src/sweep/variants.js';

export const variant = (decoder: string, steps = 0): SweepVariant => ({
  decoder,
  asked: decoder,
  steps,
  options: steps === 0 ? undefined : { steps },
  completeOptions: steps === 0 ? {} : { steps },
});

export const VARIANTS = [variant('jscc'), variant('conditional', 4), variant('conditional', 8)];

export const GRID = { files: ['p/a.png', 'p/b.png'], variants: VARIANTS, snrsDb: [0, 10], cbrs: ['1/48'], draws: 1 };

export const groups = (): SweepGroup[] => planSweep(GRID);

export const HEAD: ReportHead = {
  schema: SWEEP_SCHEMA,
  command: 'semcast sweep --images p --json r.json',
  bundle: { name: 'toy', version: '1.0.0', digest: 'abcdef0123456789' },
  device: 'cpu',
  seed: 0,
  conditions: {
    channel: 'awgn',
    channelOptions: { loss: 0, noiseReference: 'nominal' },
    csi: 'genie',
    waveform: 'single-carrier',
    waveformOptions: {},
    snrDb: [0, 10],
    cbr: ['1/48'],
    size: 64,
    images: ['a.png', 'b.png'],
    draws: 1,
    imagesDigest: 'd1',
    metricBundles: [],
    decoders: VARIANTS.map(({ decoder, steps, completeOptions }) => ({ decoder, steps, options: completeOptions })),
  },
};

export const row = (change: Partial<SweepRow> = {}): SweepRow => ({
  image: 'a.png',
  width: 64,
  height: 64,
  channel: 'awgn',
  snrDb: 0,
  cbr: '1/48',
  frame: 0,
  channelUses: 256,
  decoder: 'jscc',
  steps: 0,
  evaluations: null,
  ...eachMetric(() => null),
  psnrDb: 25,
  ssim: 0.7,
  metrics: {},
  residual: 0.8,
  previewMs: 10,
  decodeMs: 10,
  samplingMs: null,
  endToEndMs: 30,
  output: null,
  ...change,
});

export const summaryEntry = (change: Partial<SweepSummary> = {}): SweepSummary => ({
  decoder: 'jscc',
  steps: 0,
  channel: 'awgn',
  snrDb: 0,
  cbr: '1/48',
  n: 2,
  ...eachMetric(() => null),
  psnrDb: 25,
  ssim: 0.7,
  msSsim: 0.8,
  contrast: 0.9,
  metrics: { vgg: 0.5 },
  residual: 0.8,
  evaluations: null,
  previewMsP50: 10,
  decodeMsP50: 10,
  decodeMsP95: 12,
  samplingMsP50: null,
  ...change,
});
