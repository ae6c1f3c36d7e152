import { channelPresets, type ChannelPreset } from './presets.js';

type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is an object of JSON. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A model or a schedule with a change applied: options are merged while the name stays, and start from their defaults
 * under a new name, because options of one model mean nothing to another.
 */
function mergeNamed(current: unknown, change: unknown): unknown {
  if (!isObject(current) || !isObject(change) || (change['name'] !== undefined && change['name'] !== current['name'])) {
    return change;
  }
  return { ...current, ...change };
}

/**
 * The configuration of a channel that a change asks for, not yet validated: that of the preset which the change names,
 * or the current one, with what else the change has.
 *
 * `snrDb` alone is short for a constant SNR. Beside `snr` it is what `GET /channel` adds for reading, so a client may
 * send back what it got. A preset that there is none of stays, for the schema to refuse.
 */
export function mergeChannelConfig(current: JsonObject, change: JsonObject): JsonObject {
  const { preset, snrDb, ...rest } = change;
  const base = { ...current };
  if (typeof preset === 'string' && Object.hasOwn(channelPresets, preset)) {
    const { summary: _, ...chosen }: ChannelPreset = channelPresets[preset as keyof typeof channelPresets];
    Object.assign(base, chosen);
  } else if (preset !== undefined) {
    base['preset'] = preset;
  }
  const merged: Record<string, unknown> = { ...base, ...rest };
  for (const key of ['model', 'snr']) {
    if (key in rest) {
      merged[key] = mergeNamed(base[key], rest[key]);
    }
  }
  if (snrDb !== undefined && !('snr' in rest)) {
    merged['snr'] = { name: 'constant', snrDb };
  }
  return merged;
}
