import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeChannelModel, describeImpairment, describeSnrSchedule } from '../test/conformance.js';
import {
  channelModelNames,
  channelModels,
  channelPresets,
  impairmentNames,
  impairments,
  snrScheduleNames,
  snrSchedules,
  type ChannelModel,
  type Impairment,
} from './index.js';

for (const [key, model] of Object.entries<ChannelModel>(channelModels)) {
  describeChannelModel(key, model);
  if ('maxDopplerHz' in model.optionsSchema.shape) {
    describeChannelModel(key, model, { maxDopplerHz: 300 });
  }
}

for (const [key, impairment] of Object.entries<Impairment>(impairments)) {
  describeImpairment(key, impairment);
}

for (const [key, schedule] of Object.entries(snrSchedules)) {
  describeSnrSchedule(key, schedule);
}

describe('the registries', () => {
  it('list the contracted names', () => {
    expect(channelModelNames).toEqual([
      'awgn',
      'rayleigh-slow',
      'rayleigh-block',
      'rayleigh-fast',
      'rician-slow',
      'rician-block',
      'rician-fast',
      'tdl-exp',
      'tdl-a',
      'tdl-b',
      'tdl-c',
      'tdl-d',
      'tdl-e',
    ]);
    expect(impairmentNames).toEqual([
      'cfo',
      'phase-noise',
      'timing-offset',
      'clipping',
      'adc',
      'interference',
      'second-transmitter',
    ]);
    expect(Object.keys(channelPresets)).toEqual(['indoor', 'pedestrian', 'vehicular', 'deep-fade', 'satellite']);
    expect(snrScheduleNames).toEqual(['constant', 'linear', 'sine', 'random-walk', 'trace']);
  });

  it('are documented, option by option', () => {
    const text = readFileSync(new URL('../../../docs/definitions.md', import.meta.url), 'utf8');
    for (const name of Object.keys(channelPresets)) {
      expect(text, 'docs/definitions.md on presets').toContain(`\`${name}\``);
    }
    const entries = [...Object.values(channelModels), ...Object.values(snrSchedules), ...Object.values(impairments)];
    for (const entry of entries) {
      for (const word of [entry.name, ...Object.keys(entry.optionsSchema.shape)]) {
        expect(text, `docs/definitions.md on ${entry.name}`).toContain(`\`${word}\``);
      }
    }
  });
});
