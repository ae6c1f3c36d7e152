import type { ImpairmentConfigInput } from './impairment-registry.js';
import type { ChannelModelConfigInput } from './registry.js';
import type { SnrScheduleConfigInput } from './schedule-registry.js';

/** A channel under a name: all that makes it, but for seed and noise reference. */
export interface ChannelPreset {
  /** For people, short. */
  readonly summary: string;
  readonly model: ChannelModelConfigInput;
  readonly snr: SnrScheduleConfigInput;
  readonly impairments: readonly ImpairmentConfigInput[];
  readonly sampleRateHz: number;
  readonly loss: number;
}

/** What most presets have beside fading and noise. */
const UNIMPAIRED = { impairments: [], sampleRateHz: 10e6, loss: 0 } as const;

/**
 * Channels to begin with. Delay spreads and Doppler frequencies of `pedestrian` and `vehicular` are those of TDLA30-10
 * and TDLB100-400, with which 3GPP TS 38.101-4 tests receivers (annex B.2.2).
 */
export const channelPresets = {
  indoor: {
    ...UNIMPAIRED,
    summary: 'a room with a line of sight, at 3 km/h',
    model: { name: 'tdl-d', delaySpreadNs: 30, maxDopplerHz: 10, frameIntervalMs: 10 },
    snr: { name: 'constant', snrDb: 20 },
  },
  pedestrian: {
    ...UNIMPAIRED,
    summary: 'on foot in a street, no line of sight',
    model: { name: 'tdl-a', delaySpreadNs: 30, maxDopplerHz: 10, frameIntervalMs: 10 },
    snr: { name: 'constant', snrDb: 15 },
  },
  vehicular: {
    ...UNIMPAIRED,
    summary: 'at 120 km/h among buildings, no line of sight',
    model: { name: 'tdl-b', delaySpreadNs: 100, maxDopplerHz: 400, frameIntervalMs: 10 },
    snr: { name: 'constant', snrDb: 12 },
  },
  'deep-fade': {
    ...UNIMPAIRED,
    summary: 'fades at every frequency at once, which last some ten frames',
    model: { name: 'tdl-exp', taps: 1, maxDopplerHz: 2, frameIntervalMs: 10 },
    snr: { name: 'constant', snrDb: 10 },
  },
  satellite: {
    ...UNIMPAIRED,
    summary: 'a line of sight, a saturated amplifier, a residual frequency offset',
    model: { name: 'tdl-e', delaySpreadNs: 10, maxDopplerHz: 10, frameIntervalMs: 10 },
    snr: { name: 'constant', snrDb: 6 },
    impairments: [
      { name: 'clipping', ratio: 1.5 },
      { name: 'cfo', offsetHz: 20 },
    ],
  },
} as const satisfies Record<string, ChannelPreset>;

export type ChannelPresetName = keyof typeof channelPresets;

/** The names of the presets. */
export const channelPresetNames = Object.keys(channelPresets) as readonly ChannelPresetName[];
