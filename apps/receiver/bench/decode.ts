/**
 * How much of the time that a decode takes is spent inside ONNX Runtime, and what company costs?
 *
 *     npx tsx apps/receiver/bench/decode.ts [--bundle DIR] [--decoder conditional] [--steps N] [--options JSON]
 *         [--size 256x256] [--cbr 1/24] [--snr 5] [--streams 8] [--frames 2] [--workers N] [--buckets 1,2,4]
 *         [--device cpu|cuda] [--json FILE|-]
 *
 * A receiver and its clients in this process. First one stream, frame after frame: each is sent when the one before
 * has come back. Then several streams at a time, each doing the same.
 *
 * - `ortShare`: seconds inside `InferenceSession.run`, all workers together, over the time that they could have run:
 *   alone, one worker for as long as the decodes took; in company, all workers for as long as the streams took. A
 *   decoder that has two networks run side by side may have more than 1 alone. The goal is 0.9.
 * - `imagesPerSecond`, alone and in company: the goal is that company is no worse.
 * - `jain`: Jain's index of the streams' mean latencies, (Σx)²/(n·Σx²): 1 where all wait alike.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createCodec, createSessionPool, findDefaultBundle, loadBundle } from '@semcast/bundle';
import { csnrDbToNoiseVariance, randomFor, type RgbImage } from '@semcast/core';
import { interleave, latentToSymbols } from '@semcast/phy';
import { createReceiver, MAX_MIN_STEPS, receiverConfigSchema } from '@semcast/receiver';
import { createLogger } from '@semcast/service';
import { connectLink, iqPayload, type ClientLink, type OutgoingFrame, type ResultHead } from '@semcast/wire';

const SEED = 1;
const GOAL_SHARE = 0.9;

const { values: flags } = parseArgs({
  options: {
    bundle: { type: 'string' },
    decoder: { type: 'string', default: 'conditional' },
    steps: { type: 'string' },
    options: { type: 'string', default: '{}' },
    size: { type: 'string', default: '256x256' },
    cbr: { type: 'string', default: '1/24' },
    snr: { type: 'string', default: '5' },
    streams: { type: 'string', default: '8' },
    frames: { type: 'string', default: '2' },
    workers: { type: 'string' },
    buckets: { type: 'string' },
    device: { type: 'string', default: 'cpu' },
    json: { type: 'string' },
  },
});
const [width = 0, height = 0] = flags.size.split('x').map(Number);
const [streams, frames, snrDb] = [Number(flags.streams), Number(flags.frames), Number(flags.snr)];
if (!(streams >= 1 && frames >= 1 && width >= 1 && height >= 1 && Number.isFinite(snrDb))) {
  console.error('--streams and --frames take positive integers, --snr a number, --size WIDTHxHEIGHT');
  process.exit(2);
}
const steps = flags.steps === undefined ? {} : { steps: Number(flags.steps), minSteps: Number(flags.steps) };
const decoderOptions = { ...(JSON.parse(flags.options) as Record<string, number | string | boolean>), ...steps };

/** Soft coloured waves. */
function picture(): RgbImage {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) {
    const [colour, pixel] = [i % 3, Math.floor(i / 3)];
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    data[i] = 127.5 + 60 * Math.sin(x / (9 + 4 * colour)) + 60 * Math.cos(y / (17 - 3 * colour));
  }
  return { width, height, data };
}

const bundle = await loadBundle(flags.bundle ?? findDefaultBundle());

/** The IQ samples of the picture; every frame has noise of its own. */
async function encodePicture() {
  const pool = await createSessionPool({ graphs: { encoder: bundle.graphs.encoder }, workers: 1 });
  const codec = createCodec(bundle, pool);
  const { latent, activeChannels, positions, channelUses } = await codec.encode(picture(), {
    csnrDb: snrDb,
    cbr: flags.cbr,
  });
  await pool.close();
  const layout = { channels: bundle.manifest.latentChannels, positions, activeChannels };
  return { symbols: interleave(latentToSymbols(latent.data, layout)), channelUses };
}

const { symbols, channelUses } = await encodePicture();

function makeFrame(stream: string, frame: number): OutgoingFrame {
  const noiseVariance = csnrDbToNoiseVariance(snrDb);
  const iq = new Float32Array(symbols.length);
  randomFor({ seed: SEED, stream, frame, purpose: 'noise' }).fillNormal(iq, Math.sqrt(noiseVariance / 2));
  const { payload, samples } = iqPayload({ samples: iq.map((value, i) => value + symbols[i]!) }, 'cf32_le');
  return {
    head: {
      stream,
      frame,
      width,
      height,
      cbr: flags.cbr,
      channelUses,
      designCsnrDb: snrDb,
      decoder: flags.decoder,
      ...(Object.keys(decoderOptions).length === 0 ? {} : { decoderOptions }),
      csi: 'genie',
      waveform: 'single-carrier',
      interleaved: true,
      samples,
      impairment: { model: 'awgn', snrDb, seed: SEED, noiseVariance },
      bundleDigest: bundle.digest,
    },
    payload,
  };
}

const receiver = await createReceiver(
  receiverConfigSchema.parse({
    port: 0,
    decoders: [flags.decoder],
    device: flags.device,
    maxMinSteps: MAX_MIN_STEPS,
    residualFirst: true,
    maxBacklogMs: 86_400_000,
    maxStreams: Math.max(64, streams + 1),
    maxQueue: Math.max(64, (streams + 1) * frames),
    creditsPerStream: frames,
    ...(flags.bundle === undefined ? {} : { bundle: flags.bundle }),
    ...(flags.workers === undefined ? {} : { workers: Number(flags.workers) }),
    ...(flags.buckets === undefined ? {} : { buckets: flags.buckets.split(',').map(Number) }),
  }),
  { logger: createLogger({ service: 'bench', level: 'error' }) },
);
const { workers } = receiver.status();

/** Seconds inside ONNX Runtime so far, all graphs and workers together. */
async function ortSeconds(): Promise<number> {
  const lines = (await receiver.metrics.text()).split('\n');
  const sums = lines.filter((line) => line.startsWith('semcast_inference_seconds_sum'));
  return sums.reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
}

interface Outcome {
  readonly head: ResultHead;
  readonly latencyMs: number;
}

interface Stream {
  readonly link: ClientLink;
  send(frame: number): Promise<Outcome>;
}

function openStream(stream: string): Stream {
  const link = connectLink(receiver.wsUrl, {
    hello: {
      stream,
      role: 'transmitter',
      agent: 'bench',
      decoder: flags.decoder,
      csi: 'genie',
      sampleFormat: 'cf32_le',
      result: { format: 'raw' },
    },
  });
  const waiting = new Map<
    number,
    { resolve: (outcome: Outcome) => void; reject: (error: Error) => void; sentMs: number }
  >();
  link.on('result', ({ head }) => {
    if (head.stage === 'final') {
      const { resolve, sentMs } = waiting.get(head.frame)!;
      resolve({ head, latencyMs: performance.now() - sentMs });
    }
  });
  link.on('drop', ({ frame, reason, detail }) => waiting.get(frame)!.reject(new Error(`${reason}: ${detail}`)));
  return {
    link,
    send: async (frame) =>
      new Promise<Outcome>((resolve, reject) => {
        waiting.set(frame, { resolve, reject, sentMs: performance.now() });
        link.send(makeFrame(stream, frame)).catch(reject);
      }),
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const round = (value: number): number => Math.round(1e4 * value) / 1e4;

async function alone() {
  const stream = openStream('alone');
  // What the first frame has to allocate is not the decoder's.
  await stream.send(0);
  const ortBefore = await ortSeconds();
  const startMs = performance.now();
  const outcomes: Outcome[] = [];
  for (let frame = 1; frame <= frames; frame++) {
    outcomes.push(await stream.send(frame));
  }
  const wallSeconds = (performance.now() - startMs) / 1000;
  const ort = (await ortSeconds()) - ortBefore;
  await stream.link.close();
  const busySeconds =
    outcomes.reduce((sum, { head: { timingsMs } }) => sum + timingsMs.total - timingsMs.queue, 0) / 1000;
  return {
    imagesPerSecond: frames / wallSeconds,
    ortShare: ort / busySeconds,
    latencyMs: mean(outcomes.map(({ latencyMs }) => latencyMs)),
    samplingMs: mean(outcomes.map(({ head }) => head.timingsMs.sampling ?? 0)),
    previewMs: mean(outcomes.map(({ head }) => head.timingsMs.preview)),
    steps: outcomes[0]!.head.steps,
    evaluations: outcomes[0]!.head.evaluations ?? 0,
    residual: mean(outcomes.map(({ head }) => head.residual ?? Number.NaN)),
  };
}

async function inCompany() {
  const all = Array.from({ length: streams }, (_, i) => openStream(`stream-${i}`));
  await Promise.all(all.map(async ({ link }) => link.ready));
  const before = receiver.status().scheduler.totals;
  const ortBefore = await ortSeconds();
  const startMs = performance.now();
  const latenciesMs = await Promise.all(
    all.map(async (stream) => {
      const latencies: number[] = [];
      for (let frame = 0; frame < frames; frame++) {
        latencies.push((await stream.send(frame)).latencyMs);
      }
      return mean(latencies);
    }),
  );
  const wallSeconds = (performance.now() - startMs) / 1000;
  const ort = (await ortSeconds()) - ortBefore;
  const { jobs, rows, paddedRows } = receiver.status().scheduler.totals;
  await Promise.all(all.map(async ({ link }) => link.close()));
  return {
    imagesPerSecond: (streams * frames) / wallSeconds,
    ortShare: ort / (wallSeconds * workers),
    jain: mean(latenciesMs) ** 2 / mean(latenciesMs.map((each) => each ** 2)),
    latencyMs: { mean: mean(latenciesMs), min: Math.min(...latenciesMs), max: Math.max(...latenciesMs) },
    rowsPerRun: (rows - before.rows) / (jobs - before.jobs),
    paddedRows: paddedRows - before.paddedRows,
  };
}

const one = await alone();
const many = await inCompany();
await receiver.close();

const report = {
  benchmark: 'receiver/decode',
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  device: flags.device,
  workers,
  bundle: `${bundle.manifest.name} ${bundle.manifest.version}`,
  seed: SEED,
  decoder: flags.decoder,
  decoderOptions,
  frame: { width, height, cbr: flags.cbr, snrDb },
  streams,
  framesPerStream: frames,
  alone: one,
  inCompany: many,
  goal: {
    ortShare: GOAL_SHARE,
    met: one.ortShare >= GOAL_SHARE && many.ortShare >= GOAL_SHARE && many.imagesPerSecond >= one.imagesPerSecond,
  },
};
const text = JSON.stringify(report, (_, value: unknown) => (typeof value === 'number' ? round(value) : value), 2);
if (flags.json === undefined || flags.json === '-') {
  console.log(text);
} else {
  writeFileSync(flags.json, `${text}\n`);
}
