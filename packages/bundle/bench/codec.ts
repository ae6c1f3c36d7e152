/**
 * What the codec costs, and whether the event loop notices.
 *
 *     npx tsx packages/bundle/bench/codec.ts [--json FILE|-] [--bundle DIR] [--workers N] [--seconds S]
 *
 * For 256×256 and 768×512 pixels: encode and decode one picture after another (latency, and how much of it is spent
 * inside ONNX Runtime), then decode with all workers busy (pictures a second), while the delay of the event loop is
 * measured in this process, as a receiver would feel it. Delays are over the timer's resolution of 1 ms.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createCodec, createSessionPool, findDefaultBundle, loadBundle } from '@semcast/bundle';
import { randomFor, type RgbImage } from '@semcast/core';

const SEED = 1;
const RESOLUTION_MS = 1;

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    bundle: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    seconds: { type: 'string', default: '4' },
  },
});
const workers = Number(flags.workers);
const seconds = Number(flags.seconds);
if (!Number.isSafeInteger(workers) || workers < 1 || !(seconds > 0)) {
  console.error('--workers takes a positive integer, --seconds a positive number');
  process.exit(2);
}

const bundle = await loadBundle(flags.bundle ?? findDefaultBundle());
let runSeconds = 0;
const pool = await createSessionPool({
  graphs: { encoder: bundle.graphs.encoder, decoder: bundle.graphs.decoder },
  workers,
  onRun: (_, spent) => {
    runSeconds += spent;
  },
});
const codec = createCodec(bundle, pool);
const condition = { csnrDb: 10, cbr: '1/24' };

function picture(width: number, height: number): RgbImage {
  const random = randomFor({ seed: SEED, stream: 'bench', frame: 0, purpose: 'pixels' });
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, () => random.uint32() & 0xff) };
}

/** Repeat for the given time (at least three times); wall times in ms, sorted, and the share inside ONNX Runtime. */
async function repeat(action: () => Promise<unknown>): Promise<{ medianMs: number; bestMs: number; ortShare: number }> {
  await action();
  runSeconds = 0;
  const timesMs: number[] = [];
  const start = performance.now();
  while (timesMs.length < 3 || performance.now() - start < 1000 * seconds) {
    const before = performance.now();
    await action();
    timesMs.push(performance.now() - before);
  }
  const wallSeconds = (performance.now() - start) / 1000;
  timesMs.sort((a, b) => a - b);
  return { medianMs: timesMs[timesMs.length >> 1]!, bestMs: timesMs[0]!, ortShare: runSeconds / wallSeconds };
}

const rows = [];
for (const [width, height] of [
  [256, 256],
  [768, 512],
] as const) {
  const image = picture(width, height);
  const { latent } = await codec.encode(image, condition);
  const decode = async (): Promise<RgbImage> => codec.decode(latent, { ...condition, width, height });
  const encoding = await repeat(async () => codec.encode(image, condition));
  const decoding = await repeat(decode);
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const busy = await repeat(async () => Promise.all(Array.from({ length: workers }, decode)));
  delay.disable();
  rows.push({
    width,
    height,
    encode: encoding,
    decode: decoding,
    decodedPerSecond: (1000 * workers) / busy.medianMs,
    eventLoopDelayMs: {
      p50: delay.percentile(50) / 1e6 - RESOLUTION_MS,
      p99: delay.percentile(99) / 1e6 - RESOLUTION_MS,
      max: delay.max / 1e6 - RESOLUTION_MS,
    },
  });
}
await pool.close();

const table = rows.map(({ width, height, encode, decode, decodedPerSecond, eventLoopDelayMs }) => ({
  picture: `${width}×${height}`,
  'encode ms': encode.medianMs.toFixed(0),
  'decode ms': decode.medianMs.toFixed(0),
  'in ORT': `${(100 * decode.ortShare).toFixed(1)} %`,
  [`decoded/s, ${workers} workers`]: decodedPerSecond.toFixed(2),
  'loop p50 ms': eventLoopDelayMs.p50.toFixed(2),
  'loop p99 ms': eventLoopDelayMs.p99.toFixed(2),
  'loop max ms': eventLoopDelayMs.max.toFixed(1),
}));

function commit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

const report = {
  schema: 'semcast.bench.bundle/1',
  commit: commit(),
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  seed: SEED,
  bundle: { name: bundle.manifest.name, version: bundle.manifest.version, digest: bundle.digest },
  workers,
  rows,
};

if (flags.json === '-') {
  console.log(JSON.stringify(report, null, 2));
} else {
  console.log(`${bundle.manifest.name} ${bundle.manifest.version}, Node ${report.node}, ${report.cpu}`);
  console.table(table);
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
  }
}
