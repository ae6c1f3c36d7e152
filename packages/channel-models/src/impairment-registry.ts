import { z } from 'zod';
import type { Impair, Impairment, ImpairmentStage } from './impairment.js';
import { adc } from './impairments/adc.js';
import { cfo } from './impairments/cfo.js';
import { clipping } from './impairments/clipping.js';
import { interference } from './impairments/interference.js';
import { phaseNoise } from './impairments/phase-noise.js';
import { secondTransmitter } from './impairments/second-transmitter.js';
import { timingOffset } from './impairments/timing-offset.js';
import { schemaOfRegistry, type ConfigInputOf, type ConfigOf } from './registry-config.js';

/** Every impairment. A new one is a file in `impairments/` and a line here. */
export const impairments = {
  cfo,
  'phase-noise': phaseNoise,
  'timing-offset': timingOffset,
  clipping,
  adc,
  interference,
  'second-transmitter': secondTransmitter,
} as const satisfies Record<string, Impairment>;

export type ImpairmentName = keyof typeof impairments;

/** The names of the impairments, in the registry's order. */
export const impairmentNames = Object.keys(impairments) as readonly ImpairmentName[];

/** `{ name, ...options }` of one impairment, every option filled in. */
export type ImpairmentConfig = ConfigOf<typeof impairments>;

/** `{ name, ...options }` of one impairment, options optional. */
export type ImpairmentConfigInput = ConfigInputOf<typeof impairments>;

/** The most impairments of one channel. */
const MAX_IMPAIRMENTS = 16;

/** Validates a list of `{ name, ...options }` and fills in defaults. */
export const impairmentsConfigSchema = z.array(schemaOfRegistry(impairments)).max(MAX_IMPAIRMENTS);

/** An impairment of a channel, configured. */
export interface ConfiguredImpairment {
  readonly stage: ImpairmentStage;
  readonly impair: Impair;
  /** The purpose of its draws. */
  readonly purpose: string;
}

/**
 * The impairment that a validated configuration names.
 *
 * @param earlier how many of the same name come before it in its channel: their draws are independent
 */
export function createImpairment(
  { name, ...options }: ImpairmentConfig,
  sampleRateHz: number,
  earlier = 0,
): ConfiguredImpairment {
  const impairment: Impairment = impairments[name];
  const purpose = `channel/${name}${earlier === 0 ? '' : `/${earlier}`}`;
  return { stage: impairment.stage, impair: impairment.create(options, sampleRateHz), purpose };
}
