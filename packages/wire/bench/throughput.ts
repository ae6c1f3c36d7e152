/**
 * Frames per second and GB/s of our framed link against a bare ws loop, in the same run.
 *
 *     npx tsx packages/wire/bench/throughput.ts [--seconds 1] [--rounds 3] [--sizes 10000,100000,1000000] [--json FILE]
 *
 * One process, one thread, loopback: a client sends, a server counts, and both share the core, so figures are for
 * both ends together. The bare loop sends a Buffer of the same payload size with perMessageDeflate off and keeps the
 * same number of bytes in flight. Ours and bare are measured in alternating rounds and the best of each counts, as
 * whatever else the machine does only ever slows a round down. Ratios are what carries over to other machines: by the
 * clock, and by processor time per frame. Above 1, ours is the faster one.
 *
 * `masked` is what RFC 6455 asks of clients (`masking: 'random'`); `unmasked` is the zero key that `masking: 'auto'`
 * uses towards loopback and TLS. `codec` is encodeFrame + decodeFrame alone, without a socket.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { routeUpgrades } from '@semcast/service';
import { WebSocket, WebSocketServer } from 'ws';
import { encodeFrameParts } from '../src/frame.js';
import { decodeFrame, openLink, serveLinks, type FrameHead, type HelloInput, type Masking } from '../src/index.js';

const IN_FLIGHT_BYTES = 4_000_000;
const MIN_IN_FLIGHT = 4;

interface Rate {
  readonly framesPerSecond: number;
  /** Processor time of the whole process per frame: steadier than the clock on a machine that does other things. */
  readonly cpuMicroseconds: number;
}

function rateOf(frames: number, elapsedMs: number, { user, system }: NodeJS.CpuUsage): Rate {
  return { framesPerSecond: (1000 * frames) / elapsedMs, cpuMicroseconds: (user + system) / frames };
}

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    sizes: { type: 'string', default: '10000,100000,1000000' },
    json: { type: 'string' },
  },
});
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const sizes = flags.sizes.split(',').map(Number);

const hello: HelloInput = {
  stream: 'bench',
  role: 'transmitter',
  agent: 'bench',
  decoder: 'jscc',
  csi: 'none',
  sampleFormat: 'cf32_le',
  result: { format: 'png' },
};

function headOf(frame: number, payloadBytes: number): FrameHead {
  return {
    stream: 'bench',
    frame,
    width: 768,
    height: 512,
    cbr: '1/24',
    channelUses: payloadBytes / 8,
    designCsnrDb: 10,
    decoder: 'jscc',
    csi: 'none',
    waveform: 'single-carrier',
    interleaved: true,
    samples: { format: 'cf32_le', count: payloadBytes / 8 },
    impairment: { model: 'awgn', snrDb: 10, seed: 1 },
    bundleDigest: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
  };
}

/** A closed loop: `send` one message, be told by `onArrival` when one has arrived; run for a while. */
async function measure(
  payloadBytes: number,
  loop: { readonly send: () => void; onArrival: (() => void) | undefined },
): Promise<Rate> {
  const inFlight = Math.max(MIN_IN_FLIGHT, Math.round(IN_FLIGHT_BYTES / payloadBytes));
  let arrived = 0;
  let sent = 0;
  let sending = true;
  const cpu = process.cpuUsage();
  const started = performance.now();
  const elapsedMs = await new Promise<number>((resolve) => {
    // New messages leave in the next turn, as many as have arrived: what a flow-controlled sender does.
    let scheduled = false;
    const refill = (): void => {
      scheduled = false;
      if (!sending) {
        return;
      }
      while (sent - arrived < inFlight) {
        sent++;
        loop.send();
      }
    };
    loop.onArrival = () => {
      arrived++;
      if (performance.now() - started > 1000 * seconds) {
        sending = false;
      }
      if (!sending && arrived === sent) {
        resolve(performance.now() - started);
      } else if (!scheduled) {
        scheduled = true;
        setImmediate(refill);
      }
    };
    refill();
  });
  return rateOf(arrived, elapsedMs, process.cpuUsage(cpu));
}

async function bare(payloadBytes: number, masking: Masking): Promise<Rate> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  const payload = Buffer.alloc(payloadBytes, 7);
  const loop = { send: () => client.send(payload), onArrival: undefined as (() => void) | undefined };
  server.on('connection', (ws) => {
    ws.on('error', () => {});
    ws.on('message', () => loop.onArrival?.());
  });
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, {
    perMessageDeflate: false,
    ...(masking === 'none' ? { generateMask: (mask: Buffer) => void mask.fill(0) } : {}),
  });
  client.on('error', () => {});
  await new Promise((resolve) => {
    client.once('open', resolve);
  });
  const rate = await measure(payloadBytes, loop);
  client.terminate();
  server.close();
  await new Promise((resolve) => {
    http.close(resolve);
  });
  return rate;
}

async function ours(payloadBytes: number, masking: Masking): Promise<Rate> {
  const http = createServer();
  const loop = { send: () => {}, onArrival: undefined as (() => void) | undefined };
  const links = serveLinks({
    upgrades: routeUpgrades(http),
    welcome: () => ({
      credits: 1024,
      limits: { maxPayloadBytes: 64_000_000, maxImagePixels: 1e8 },
      decoders: ['jscc'],
      bundle: { name: 'bench', version: '1', digest: 'd' },
    }),
    onSession: (session) => {
      session.on('frame', () => loop.onArrival?.());
    },
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  const link = await openLink(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, {
    hello,
    masking,
    onMessage: () => {},
    onClose: () => {},
  });
  const payload = new Uint8Array(payloadBytes).fill(7);
  let frame = 0;
  loop.send = () => link.send('frame', headOf(frame++, payloadBytes), payload);
  const rate = await measure(payloadBytes, loop);
  link.close();
  await links.close();
  await new Promise((resolve) => {
    http.close(resolve);
  });
  return rate;
}

function codec(payloadBytes: number): Rate {
  const payload = new Uint8Array(payloadBytes).fill(7);
  const cpu = process.cpuUsage();
  const started = performance.now();
  let frames = 0;
  while (performance.now() - started < 500 * seconds) {
    for (let i = 0; i < 50; i++) {
      const parts = encodeFrameParts('frame', headOf(frames, payloadBytes), payload);
      decodeFrame([parts.head, ...parts.payload]);
      frames++;
    }
  }
  return rateOf(frames, performance.now() - started, process.cpuUsage(cpu));
}

/** The best of all rounds, each figure by itself. */
function best(rates: readonly Rate[]): Rate {
  return {
    framesPerSecond: Math.max(...rates.map(({ framesPerSecond }) => framesPerSecond)),
    cpuMicroseconds: Math.min(...rates.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  };
}

const rows = [];
for (const payloadBytes of sizes) {
  const codecRate = best(Array.from({ length: rounds }, () => codec(payloadBytes)));
  for (const masking of ['random', 'none'] as const) {
    const bareRates: Rate[] = [];
    const ourRates: Rate[] = [];
    for (let round = 0; round < rounds; round++) {
      bareRates.push(await bare(payloadBytes, masking));
      ourRates.push(await ours(payloadBytes, masking));
    }
    const [bareRate, ourRate] = [best(bareRates), best(ourRates)];
    rows.push({
      payloadBytes,
      masking: masking === 'none' ? 'unmasked' : 'masked',
      bare: bareRate,
      ours: ourRate,
      /** Ours / bare, by the clock and by processor time per frame. */
      ratio: ourRate.framesPerSecond / bareRate.framesPerSecond,
      cpuRatio: bareRate.cpuMicroseconds / ourRate.cpuMicroseconds,
      codec: codecRate,
    });
  }
}

const report = {
  schema: 'semcast.bench.wire.throughput/2',
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  node: process.version,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  seconds,
  rounds,
  inFlightBytes: IN_FLIGHT_BYTES,
  rows,
};

console.table(
  rows.map(({ payloadBytes, masking, bare: plain, ours: framed, ratio, cpuRatio, codec: { cpuMicroseconds } }) => ({
    payload: payloadBytes,
    masking,
    'bare frames/s': plain.framesPerSecond.toFixed(0),
    'bare GB/s': ((plain.framesPerSecond * payloadBytes) / 1e9).toFixed(2),
    'ours frames/s': framed.framesPerSecond.toFixed(0),
    'ours GB/s': ((framed.framesPerSecond * payloadBytes) / 1e9).toFixed(2),
    'ours/bare': ratio.toFixed(2),
    'by CPU time': cpuRatio.toFixed(2),
    'codec µs': cpuMicroseconds.toFixed(1),
  })),
);
if (flags.json !== undefined) {
  writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
}
