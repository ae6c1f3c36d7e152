import { randomFor } from '@semcast/core';

/** What can go wrong with a process, and with a network between two of them. */
export const PROCESS_FAULTS = ['kill', 'pause'] as const;
export const NETWORK_FAULTS = ['reset', 'half-open', 'delay', 'flip'] as const;
export type FaultKind = (typeof PROCESS_FAULTS)[number] | (typeof NETWORK_FAULTS)[number];

export interface Fault {
  /** Since the start, in milliseconds. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Which process, or which hop. */
  readonly target: string;
  /** How long it lasts: until a killed process is started again, a paused one goes on, a hop is calm again. */
  readonly holdMs: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly processes: readonly string[];
  readonly hops: readonly string[];
  /** Between the beginnings of two faults, on average. */
  readonly meanGapMs: number;
}

const MAX_HOLD_MS = 3000;

/**
 * Faults of a run, in the order of their beginnings: a function of the options alone. As many meet processes as
 * networks; gaps are exponential, so that some faults overlap.
 */
export function drawFaults({ seed, durationMs, processes, hops, meanGapMs }: ScheduleOptions): Fault[] {
  const random = randomFor({ seed, stream: 'chaos', frame: 0, purpose: 'faults' });
  const oneOf = <T>(values: readonly T[]): T => values[Math.floor(values.length * random.uniform())]!;
  const faults: Fault[] = [];
  for (let atMs = 0; ;) {
    atMs += -meanGapMs * Math.log(1 - random.uniform());
    if (atMs >= durationMs) {
      return faults;
    }
    const [kinds, targets] = random.uniform() < 0.5 ? [PROCESS_FAULTS, processes] : [NETWORK_FAULTS, hops];
    faults.push({
      atMs,
      kind: oneOf<FaultKind>(kinds),
      target: oneOf(targets),
      holdMs: MAX_HOLD_MS * random.uniform(),
    });
  }
}
