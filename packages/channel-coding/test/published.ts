import { powerToDb } from '@semcast/core';
import type { BlockExperiment } from './simulate.js';

/** A block error rate that others published for a code of NR over AWGN with QPSK or BPSK, whole blocks without CRC. */
export interface PublishedPoint extends BlockExperiment {
  readonly source: string;
  /** Layered ones that do about the same work: as many, or half as many of flooding. */
  readonly iterations: number;
  readonly ebN0Db: number;
  readonly bler: number;
}

const sionnaShort = {
  source: 'Sionna tutorial "5G Channel Coding and Rate-Matching: Polar vs. LDPC Codes", 20 flooding iterations',
  iterations: 10,
  baseGraph: 2,
  informationBits: 64,
  sentBits: 128,
  order: 2,
} as const;
const sionnaMiddle = {
  source: 'Sionna tutorial "From GSM to 5G - The Evolution of Forward Error Correction", 40 flooding iterations',
  iterations: 20,
  baseGraph: 2,
  informationBits: 512,
  sentBits: 1024,
  order: 2,
} as const;
const sionnaLong = {
  ...sionnaMiddle,
  informationBits: 2048,
  sentBits: 6156,
} as const;
const aff3ctMiddle = {
  source: 'AFF3CT error rate references LDPC_N1024_K512_hlayered_SPA_i10_5G, 10 layered iterations',
  iterations: 10,
  baseGraph: 2,
  informationBits: 512,
  sentBits: 1024,
  order: 2,
} as const;
const aff3ctLong = {
  source: 'AFF3CT error rate references LDPC_N12288_K6144_hlayered_SPA_i10_5G, 10 layered iterations',
  iterations: 10,
  baseGraph: 1,
  informationBits: 6144,
  sentBits: 12_288,
  order: 2,
} as const;

export const PUBLISHED: readonly PublishedPoint[] = [
  { ...sionnaShort, ebN0Db: 2, bler: 0.1539 },
  { ...sionnaShort, ebN0Db: 3, bler: 0.02076 },
  { ...sionnaMiddle, ebN0Db: 1.2, bler: 0.10285 },
  { ...sionnaMiddle, ebN0Db: 1.6, bler: 0.010647 },
  { ...aff3ctMiddle, ebN0Db: 1.5, bler: 0.0738 },
  { ...aff3ctMiddle, ebN0Db: 1.75, bler: 0.0202 },
  { ...sionnaLong, ebN0Db: 0.2, bler: 0.139 },
  { ...sionnaLong, ebN0Db: 0.4, bler: 0.0143 },
  { ...aff3ctLong, ebN0Db: 1.2, bler: 0.0664 },
  { ...aff3ctLong, ebN0Db: 1.3, bler: 0.0101 },
];

/** Es/N0 in dB of the complex symbols of a point. */
export function esN0DbOf({ ebN0Db, informationBits, sentBits, order }: PublishedPoint): number {
  return ebN0Db + powerToDb((order * informationBits) / sentBits);
}
