import { randomFor, type RandomSource } from '@semcast/core';
import { z } from 'zod';
import type { FrameCoordinates } from './fading.js';

/** Sinusoids of one path: E|h|⁴ = 2 - 1/32, where a complex normal number has 2. */
const SINUSOIDS = 32;

/** A gain holds while the fastest path turns by no more than this share of a cycle: its error is 38 dB below it. */
const CYCLES_PER_GAIN = 1 / 100;

/** The Doppler shift of the line of sight over the maximum one (3GPP TR 38.901, section 7.7.2). */
const LINE_OF_SIGHT_SHIFT = 0.7;

/** How fast a channel changes. */
export const dopplerOptions = {
  maxDopplerHz: z
    .number()
    .min(0)
    .max(1e6)
    .default(0)
    .describe('maximum Doppler frequency in Hz, speed × carrier frequency / c; 0: a new draw for every frame'),
  frameIntervalMs: z
    .number()
    .positive()
    .max(86_400_000)
    .default(10)
    .describe('with Doppler: time from the start of a frame to that of the next, in ms'),
};

/** Validated {@link dopplerOptions}. */
export interface DopplerOptions {
  readonly maxDopplerHz: number;
  readonly frameIntervalMs: number;
}

/** For how many samples one gain of a channel with this Doppler frequency may hold. */
export function dopplerCoherence({ maxDopplerHz }: DopplerOptions, sampleRateHz: number): number {
  return Math.floor((CYCLES_PER_GAIN * sampleRateHz) / maxDopplerHz);
}

/** The moments of a frame's gains on the clock of its stream, in cycles of the maximum Doppler frequency. */
export interface DopplerClock {
  /** Of the first gain: the middle of its samples. */
  readonly start: number;
  readonly step: number;
}

/** Time is frame × frameInterval + sample / sampleRate. */
export function dopplerClock(
  { frame }: FrameCoordinates,
  { maxDopplerHz, frameIntervalMs }: DopplerOptions,
  sampleRateHz: number,
  coherence: number,
): DopplerClock {
  const step = (maxDopplerHz * coherence) / sampleRateHz;
  return { start: (frame * maxDopplerHz * frameIntervalMs) / 1000 + step / 2, step };
}

/** The random numbers of a path for as long as its stream lasts: those of no frame. */
function streamRandom(coordinates: FrameCoordinates, path: string): RandomSource {
  return randomFor({ ...coordinates, frame: 0, purpose: `channel/doppler/${path}` });
}

/** Add amplitude·exp(j2π(phase + shift·t)) to gains; t by the clock, `phase` in cycles. */
function addSinusoid(
  gains: Float64Array,
  { start, step }: DopplerClock,
  amplitude: number,
  shift: number,
  phase: number,
): void {
  // Whole cycles first: sin() of a large argument would lose the phase.
  const first = 2 * Math.PI * ((phase + shift * start) % 1);
  const turn = 2 * Math.PI * shift * step;
  const turnI = Math.cos(turn);
  const turnQ = Math.sin(turn);
  let valueI = amplitude * Math.cos(first);
  let valueQ = amplitude * Math.sin(first);
  for (let i = 0; i < gains.length; i += 2) {
    gains[i]! += valueI;
    gains[i + 1]! += valueQ;
    const nextI = valueI * turnI - valueQ * turnQ;
    valueQ = valueI * turnQ + valueQ * turnI;
    valueI = nextI;
  }
}

/**
 * Add a scattered path to gains: Rayleigh fading with Clarke's spectrum, E[h(t)·h*(t + τ)] = power·J0(2π·f_D·τ).
 *
 *     h(t) = √(power/N)·Σ exp(j(2π·f_D·t·cos α_n + φ_n)),  α_n = (2πn + θ_n)/N,  θ_n, φ_n uniform on [-π, π)
 *
 * The angles of all n together cover the circle evenly, so the autocorrelation is exact for any N (Xiao, Zheng,
 * Beaulieu, "Novel sum-of-sinusoids simulation models for Rayleigh and Rician fading channels", IEEE Trans. Wireless
 * Commun. 5, 2006, equation 4), and over a long time each path has exactly its power.
 *
 * @param gains interleaved I, Q
 * @param path its name: paths of different names are independent
 */
export function addScatteredPath(
  gains: Float64Array,
  clock: DopplerClock,
  coordinates: FrameCoordinates,
  path: string,
  power: number,
): void {
  const random = streamRandom(coordinates, path);
  const amplitude = Math.sqrt(power / SINUSOIDS);
  for (let n = 0; n < SINUSOIDS; n++) {
    const angle = (2 * Math.PI * (n + random.uniform() - 0.5)) / SINUSOIDS;
    addSinusoid(gains, clock, amplitude, Math.cos(angle), random.uniform());
  }
}

/** Add a line of sight to gains: √power·exp(j(2π·0.7·f_D·t + φ)), φ uniform. */
export function addLineOfSight(
  gains: Float64Array,
  clock: DopplerClock,
  coordinates: FrameCoordinates,
  power: number,
): void {
  const phase = streamRandom(coordinates, 'line-of-sight').uniform();
  addSinusoid(gains, clock, Math.sqrt(power), LINE_OF_SIGHT_SHIFT, phase);
}
