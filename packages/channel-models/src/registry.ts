import type { ChannelModel, FadingProcess } from './model.js';
import { awgn } from './models/awgn.js';
import { rayleighBlock } from './models/rayleigh-block.js';
import { rayleighFast } from './models/rayleigh-fast.js';
import { rayleighSlow } from './models/rayleigh-slow.js';
import { ricianBlock } from './models/rician-block.js';
import { ricianFast } from './models/rician-fast.js';
import { ricianSlow } from './models/rician-slow.js';
import { tdlA } from './models/tdl-a.js';
import { tdlB } from './models/tdl-b.js';
import { tdlC } from './models/tdl-c.js';
import { tdlD } from './models/tdl-d.js';
import { tdlE } from './models/tdl-e.js';
import { tdlExp } from './models/tdl-exp.js';
import { schemaOfRegistry, type ConfigInputOf, type ConfigOf } from './registry-config.js';

/** Every channel model. A new one is a file in `models/` and a line here. */
export const channelModels = {
  awgn,
  'rayleigh-slow': rayleighSlow,
  'rayleigh-block': rayleighBlock,
  'rayleigh-fast': rayleighFast,
  'rician-slow': ricianSlow,
  'rician-block': ricianBlock,
  'rician-fast': ricianFast,
  'tdl-exp': tdlExp,
  'tdl-a': tdlA,
  'tdl-b': tdlB,
  'tdl-c': tdlC,
  'tdl-d': tdlD,
  'tdl-e': tdlE,
} as const satisfies Record<string, ChannelModel>;

/** The names of the models, in the registry's order. */
export const channelModelNames = Object.keys(channelModels) as readonly ChannelModelName[];

export type ChannelModelName = keyof typeof channelModels;

/** `{ name, ...options }` of one model, every option filled in. */
export type ChannelModelConfig = ConfigOf<typeof channelModels>;

/** `{ name, ...options }` of one model, options optional. */
export type ChannelModelConfigInput = ConfigInputOf<typeof channelModels>;

/** Validates `{ name, ...options }` of any model and fills in defaults. */
export const channelModelConfigSchema = schemaOfRegistry(channelModels);

/**
 * The model that a validated configuration names, ready to draw.
 *
 * @throws OptionError when its options can't be at this sample rate
 */
export function createChannelModel({ name, ...options }: ChannelModelConfig, sampleRateHz: number): FadingProcess {
  const model: ChannelModel = channelModels[name];
  return model.create(options, sampleRateHz);
}
