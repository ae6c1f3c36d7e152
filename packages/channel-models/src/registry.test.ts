import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeChannelModel, describeSnrSchedule } from '../test/conformance.js';
import { channelModelNames, channelModels, snrScheduleNames, snrSchedules, type ChannelModel } from './index.js';

for (const [key, model] of Object.entries<ChannelModel>(channelModels)) {
  describeChannelModel(key, model);
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
    ]);
    expect(snrScheduleNames).toEqual(['constant', 'linear', 'sine', 'random-walk', 'trace']);
  });

  it('are documented, option by option', () => {
    const text = readFileSync(new URL('../../../docs/definitions.md', import.meta.url), 'utf8');
    for (const entry of [...Object.values(channelModels), ...Object.values(snrSchedules)]) {
      for (const word of [entry.name, ...Object.keys(entry.optionsSchema.shape)]) {
        expect(text, `docs/definitions.md on ${entry.name}`).toContain(`\`${word}\``);
      }
    }
  });
});
