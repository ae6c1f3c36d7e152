import { loadConfig } from '@semcast/config';
import { describe, expect, it } from 'vitest';
import { transmitterConfigSchema, type TransmitterConfig } from './config.js';

function load(env: Record<string, string>, flags: Record<string, unknown> = {}): TransmitterConfig {
  return loadConfig({ schema: transmitterConfigSchema, name: 'transmitter', env, flags });
}

describe('the configuration', () => {
  it('has a default for everything that needs one', () => {
    expect(load({})).toMatchObject({
      to: 'ws://127.0.0.1:7401',
      designCsnrDb: 'feedback',
      decoder: 'jscc',
      sampleFormat: 'cf32_le',
      resultFormat: 'png',
      host: '127.0.0.1',
      port: 7403,
      loop: true,
      fps: 0,
      size: 0,
    });
    expect(load({}).source).toBeUndefined();
  });

  it('is read from texts: lists, numbers, either of both', () => {
    const config = load(
      { SEMCAST_TRANSMITTER_SOURCE: 'a.png,photos', SEMCAST_TRANSMITTER_DESIGN_CSNR_DB: '7.5' },
      { to: 'ws://channel:7401', fps: '2', 'metric-bundles': 'x', decoderOptions: { steps: 12, fast: true } },
    );
    expect(config).toMatchObject({
      to: 'ws://channel:7401',
      source: ['a.png', 'photos'],
      designCsnrDb: 7.5,
      fps: 2,
      metricBundles: ['x'],
      decoderOptions: { steps: 12, fast: true },
    });
    expect(load({ SEMCAST_TRANSMITTER_DESIGN_CSNR_DB: 'feedback' }).designCsnrDb).toBe('feedback');
    expect(load({}, { cbr: ' 1 / 12 ' }).cbr).toBe('1/12');
  });

  it('describes every key, for --help and --print-config', () => {
    for (const [key, schema] of Object.entries(transmitterConfigSchema.shape)) {
      expect(schema.description, key).toMatch(/\w{3}/);
    }
  });
});
