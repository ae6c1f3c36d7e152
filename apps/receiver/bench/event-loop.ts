/**
 * Does the receiver's event loop stay free while it decodes?
 *
 *     npx tsx apps/receiver/bench/event-loop.ts [--json FILE|-] [--bundle DIR] [--workers N] [--seconds S]
 *         [--size 768x512] [--cbr 1/12] [--streams N]
 *
 * A receiver in this process, transmitters in another: they keep all their credits in use with full-size frames that
 * crossed a fast-fading channel (one gain a symbol: the most that a frame can carry), so that the workers never idle.
 * Measures of the delay of this process's event loop, first idle, then saturated, in milliseconds:
 *
 * - `sampled`: by perf_hooks.monitorEventLoopDelay, one sample a timer of 1 ms, which is subtracted;
 * - `arrival`: how long a message waits that arrives at any moment, from the lengths of all gaps between turns: it
 *   counts a long gap by its length, where the samples count it once, so its tail is longer;
 * - `ownWork`: as `arrival`, but of each gap only what the loop's thread spent on a core: what is left when other
 *   programs, and the workers beside it, leave it one (Linux; null elsewhere).
 *
 * The goal is a sampled 99th percentile below 20 ms. Compare with `idle`: what other programs do to this one is in both.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findDefaultBundle, loadBundle } from '@semcast/bundle';
import { randomFor } from '@semcast/core';
import { createReceiver, receiverConfigSchema } from '@semcast/receiver';
import { createLogger } from '@semcast/service';
import { writeBenchReport } from '@semcast/testkit';
import { connectLink, iqPayload, type OutgoingFrame } from '@semcast/wire';

const GOAL_MS = 20;
const TIMER_MS = 1;
const WARM_UP_FRAMES = 4;

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    bundle: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    seconds: { type: 'string', default: '20' },
    size: { type: 'string', default: '768x512' },
    cbr: { type: 'string', default: '1/12' },
    streams: { type: 'string', default: '2' },
    transmitTo: { type: 'string' },
  },
});
const [width = 0, height = 0] = flags.size.split('x').map(Number);
const [workers, seconds, streams] = [Number(flags.workers), Number(flags.seconds), Number(flags.streams)];
if (!(workers >= 1 && seconds > 0 && streams >= 1 && width >= 1 && height >= 1)) {
  console.error('--workers and --streams take positive integers, --seconds a positive number, --size WIDTHxHEIGHT');
  process.exit(2);
}
const bundle = await loadBundle(flags.bundle ?? findDefaultBundle());

/** A frame of Gaussian symbols under Rayleigh gains: it decodes to noise, at the cost of any other. */
function makeFrame(stream: string, frame: number): OutgoingFrame {
  const { stride, rates } = bundle.manifest;
  const channels = rates.find(({ cbr }) => cbr === flags.cbr)?.channels;
  if (channels === undefined) {
    throw new Error(`the bundle has no rate ${flags.cbr}`);
  }
  const count = (channels / 2) * Math.ceil(width / stride) * Math.ceil(height / stride);
  const draw = (purpose: string): Float32Array => {
    const values = new Float32Array(2 * count);
    randomFor({ seed: 1, stream, frame, purpose }).fillNormal(values, Math.SQRT1_2);
    return values;
  };
  const gains = { coherence: 1, values: draw('gains') };
  const channel = { taps: [{ delay: 0, gains }], noiseVariance: 0.1 };
  const { payload, samples, genie } = iqPayload({ samples: draw('samples'), channel }, 'cf32_le');
  return {
    head: {
      stream,
      frame,
      width,
      height,
      cbr: flags.cbr,
      channelUses: count,
      designCsnrDb: 10,
      decoder: 'jscc',
      csi: 'genie',
      waveform: 'single-carrier',
      interleaved: true,
      samples,
      impairment: { model: 'rayleigh-fast', snrDb: 10, seed: 1, ...genie },
      bundleDigest: bundle.digest,
    },
    payload,
  };
}

/** The other process: send as fast as credits allow, until it is ended. */
async function transmit(url: string): Promise<void> {
  process.once('disconnect', () => process.exit(0));
  const send = async (stream: string): Promise<void> => {
    const link = connectLink(url, {
      hello: {
        stream,
        role: 'transmitter',
        agent: 'bench',
        decoder: 'jscc',
        csi: 'genie',
        sampleFormat: 'cf32_le',
        result: { format: 'png' },
      },
    });
    link.on('result', () => process.send?.('result'));
    link.on('drop', ({ reason, detail }) => process.send?.(`${reason}: ${detail}`));
    const { head, payload } = makeFrame(stream, 0);
    for (let frame = 0; ; frame++) {
      await link.send({ head: { ...head, frame }, payload });
    }
  };
  await Promise.all(Array.from({ length: streams }, async (_, i) => send(`bench-${i}`)));
}

interface Delays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What a message waits that arrives at any moment: nothing between gaps, uniform within one. */
function arrivalDelays(gapsMs: readonly number[]): Delays {
  const total = gapsMs.reduce((sum, gap) => sum + gap + TIMER_MS, 0);
  const quantile = (share: number): number => {
    // P(wait > t) = Σ max(0, gap - t) / whole time falls with t: bisect.
    let [low, high] = [0, Math.max(...gapsMs)];
    for (let step = 0; step < 50; step++) {
      const t = (low + high) / 2;
      const beyond = gapsMs.reduce((sum, gap) => sum + Math.max(0, gap - t), 0) / total;
      [low, high] = beyond > 1 - share ? [t, high] : [low, t];
    }
    return high;
  };
  return { p50: quantile(0.5), p99: quantile(0.99), max: Math.max(...gapsMs) };
}

/** How long the main thread has been on a core so far, in milliseconds; null where the kernel doesn't tell. */
function onCoreMs(): number | null {
  try {
    // Nanoseconds on a core, nanoseconds waiting for one, slices.
    const [ranNs] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
    return Number(ranNs) / 1e6;
  } catch {
    return null;
  }
}

interface LoopDelays {
  readonly sampled: Delays;
  readonly arrival: Delays;
  readonly ownWork: Delays | null;
}

/** Watch the event loop of this process while `during` goes on. */
async function watch(during: () => Promise<void>): Promise<LoopDelays> {
  const histogram = monitorEventLoopDelay({ resolution: TIMER_MS });
  const gapsMs: number[] = [];
  const ownMs: number[] = [];
  let lastMs = performance.now();
  let ranMs = onCoreMs();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    // What an idle loop takes from timer to timer is no delay.
    const gapMs = Math.max(0, nowMs - lastMs - TIMER_MS);
    gapsMs.push(gapMs);
    const nowRanMs = onCoreMs();
    if (ranMs !== null && nowRanMs !== null) {
      ownMs.push(Math.min(gapMs, nowRanMs - ranMs));
    }
    ranMs = nowRanMs;
    lastMs = nowMs;
  }, TIMER_MS);
  histogram.enable();
  await during();
  histogram.disable();
  clearInterval(timer);
  const sampled = (percentile: number): number => Math.max(0, histogram.percentile(percentile) / 1e6 - TIMER_MS);
  return {
    sampled: { p50: sampled(50), p99: sampled(99), max: Math.max(0, histogram.max / 1e6 - TIMER_MS) },
    arrival: arrivalDelays(gapsMs),
    ownWork: ownMs.length === 0 ? null : arrivalDelays(ownMs),
  };
}

async function measure(): Promise<void> {
  const receiver = await createReceiver(
    receiverConfigSchema.parse({ port: 0, workers, ...(flags.bundle === undefined ? {} : { bundle: flags.bundle }) }),
    { logger: createLogger({ service: 'bench', level: 'error' }) },
  );
  const idle = await watch(() => sleep(2000));

  const args = [...process.argv.slice(2), '--transmitTo', receiver.wsUrl];
  const transmitter = fork(fileURLToPath(import.meta.url), args);
  const drops: string[] = [];
  let results = 0;
  const warm = new Promise<void>((resolve) => {
    transmitter.on('message', (message) => {
      if (message === 'result') {
        results += 1;
      } else {
        drops.push(JSON.stringify(message));
      }
      if (results === WARM_UP_FRAMES || drops.length > 0) {
        resolve();
      }
    });
  });
  await warm;
  const before = results;
  const startMs = performance.now();
  const saturated = await watch(() => sleep(1000 * seconds));
  const framesPerSecond = (1000 * (results - before)) / (performance.now() - startMs);
  const { waiting, decoding } = receiver.status().queue;
  transmitter.disconnect();
  await once(transmitter, 'exit');
  await receiver.close();
  if (drops.length > 0) {
    throw new Error(`${drops.length} frames were dropped, the first: ${drops[0]}`);
  }

  const met = saturated.sampled.p99 < GOAL_MS;
  writeBenchReport(
    {
      schema: 'semcast.bench.event-loop/1',
      device: 'cpu',
      bundle: `${bundle.manifest.name} ${bundle.manifest.version}`,
      seed: 1,
      seconds,
      workers,
      streams,
      frame: { width, height, cbr: flags.cbr, channel: 'rayleigh-fast' },
      framesPerSecond,
      queueAtEnd: { waiting, decoding },
      delayMs: { idle, saturated },
      goalMs: GOAL_MS,
      met,
    },
    flags.json,
    Object.entries({ idle, saturated }).flatMap(([when, delays]) =>
      Object.entries(delays).map(([name, delay]) => Object.assign({ when, delay: name }, delay)),
    ),
  );
  process.exitCode = met ? 0 : 1;
}

await (flags.transmitTo === undefined ? measure() : transmit(flags.transmitTo));
