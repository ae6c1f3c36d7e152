import { channelConfigSchema, channelModels, type ChannelModelName } from '@semcast/channel-models';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { kebabCase } from '../arguments/schema-flags.js';
import { sweep } from '../commands/sweep.js';
import { channelFlags, channelOptionsOf, channelText } from './channel-options.js';

describe('the channel of a sweep', () => {
  const taken = Object.keys(sweep.help.flags);

  it('takes whatever PUT /channel takes', () => {
    const { properties } = z.toJSONSchema(channelConfigSchema, { io: 'input', unrepresentable: 'any' });
    expect(Object.keys(properties!)).toContain('impairments');
    const own: Record<string, string> = { model: 'channel', preset: 'channel', snr: 'snr', seed: 'seed' };
    for (const key of Object.keys(properties!)) {
      expect(taken).toContain(own[key] ?? `channel.${kebabCase(key)}`);
    }
    for (const { optionsSchema } of Object.values(channelModels)) {
      for (const option of Object.keys(optionsSchema.shape)) {
        expect(taken).toContain(`channel.model.${kebabCase(option)}`);
      }
    }
    expect(taken).toContain('csi');
    expect(Object.keys(channelFlags).every((name) => !/snr|seed|name$|preset/.test(name))).toBe(true);
  });

  it.each(Object.keys(channelModels) as ChannelModelName[])('is described with every option of %s', (name) => {
    const options = channelOptionsOf(name, { 'channel.loss': '0.25' });
    expect(Object.keys(options)).toEqual([
      ...Object.keys(channelModels[name].optionsSchema.shape),
      'loss',
      'noiseReference',
    ]);
    expect(options['loss']).toBe(0.25);
  });

  it('is refused where an option is wrong, or means nothing to the model', () => {
    for (const typed of [{ 'channel.model.k-factor-db': '3' }, { 'channel.loss': '2' }] as Record<string, string>[]) {
      expect(() => channelOptionsOf('awgn', typed)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
    }
  });

  it('takes an option of the model that a preset has', () => {
    const faster = channelOptionsOf('vehicular', { 'channel.model.max-doppler-hz': '100' });
    expect(faster).toEqual({ ...channelOptionsOf('vehicular', {}), maxDopplerHz: 100 });
    expect(faster).toMatchObject({ model: 'tdl-b', delaySpreadNs: 100 });
  });

  it('is described as the model that a preset has, and with its impairments', () => {
    expect(channelOptionsOf('satellite', { 'channel.sample-rate-hz': '1e6' })).toEqual({
      model: 'tdl-e',
      delaySpreadNs: 10,
      maxDopplerHz: 10,
      frameIntervalMs: 10,
      impairments: [
        { name: 'clipping', ratio: 1.5 },
        { name: 'cfo', offsetHz: 20 },
      ],
      sampleRateHz: 1e6,
      loss: 0,
      noiseReference: 'nominal',
    });
    const impairments = [
      { name: 'cfo', offsetHz: 20 },
      { name: 'adc', bits: 4, fullScale: 3 },
    ];
    expect(channelText({ channel: 'awgn', channelOptions: { impairments } })).toBe(
      'awgn, impairments cfo (offsetHz 20) + adc (bits 4, fullScale 3)',
    );
  });

  it('is told where it isn’t the usual one', () => {
    expect(channelText({ channel: 'awgn', channelOptions: { loss: 0, noiseReference: 'nominal' } })).toBe('awgn');
    const channelOptions = { kFactorDb: 3, loss: 0.1, noiseReference: 'measured' };
    const conditions = { channel: 'rician-block', channelOptions, csi: 'none' };
    expect(channelText(conditions)).toBe('rician-block, kFactorDb 3, loss 0.1, noiseReference measured, csi none');
    const waveformOptions = { fftSize: 256, prefix: 8 };
    expect(channelText({ channel: 'awgn', waveform: 'ofdm', waveformOptions })).toBe('awgn; ofdm, prefix 8');
    expect(channelText({ channel: 'awgn', designSnrDb: 10 })).toBe('awgn; sent for 10 dB');
  });
});
