import type { Bundle } from '@semcast/bundle';
import { defaultDecoder } from '../decoders/registry.js';
import { IDEAL_DECODER } from './ideal.js';

/** Settings that a sweep has unless they are given. */
export interface Protocol {
  readonly summary: string;
  readonly snr: readonly number[];
  readonly cbr: readonly string[] | 'all';
  readonly size: number;
  readonly seed: number;
  readonly draws: number;
}

/** The protocol of docs/benchmark.md. */
export const BENCH_PROTOCOL = 'bench-1';

/** What `--protocol` and `semcast bench` name. A change of a published one needs another name: figures must stay comparable. */
export const PROTOCOLS = {
  paper: {
    summary: 'CSNR 0 to 20 dB, every rate, every kind of decoder',
    snr: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20],
    cbr: 'all',
    size: 256,
    seed: 0,
    draws: 1,
  },
  [BENCH_PROTOCOL]: {
    summary: 'CSNR 0, 10 and 20 dB, CBR 1/48 and 1/12: what semcast bench runs',
    snr: [0, 10, 20],
    cbr: ['1/48', '1/12'],
    size: 256,
    seed: 0,
    draws: 1,
  },
} as const satisfies Record<string, Protocol>;

export type ProtocolName = keyof typeof PROTOCOLS;
export const protocolNames = Object.keys(PROTOCOLS) as readonly ProtocolName[];

/** One of each kind: one pass, the bundle's best, and digital transmission as it is and at capacity. */
export function comparedDecoders(bundle: Bundle): string[] {
  return [...new Set(['jscc', defaultDecoder(bundle), 'digital', IDEAL_DECODER.name])];
}
