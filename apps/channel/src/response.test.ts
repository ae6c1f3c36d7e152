import { createChannel, parseChannelConfig, type ChannelConfigInput } from '@semcast/channel-models';
import { feedAnswerSchemas } from '@semcast/console-messages';
import { randomFor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import type { HeardFrame } from './impair-frame.js';
import { responseOf } from './response.js';

const NOISELESS_DB = 80;

function heard(config: ChannelConfigInput, sampleCount = 8192): HeardFrame {
  const samples = new Float32Array(2 * sampleCount);
  randomFor({ seed: 1, stream: 'test', frame: 0, purpose: 'samples' }).fillNormal(samples, Math.SQRT1_2);
  const channel = createChannel(parseChannelConfig({ snr: { name: 'constant', snrDb: NOISELESS_DB }, ...config }));
  return { impaired: channel.impairFrame(samples, { stream: 'test', frame: 0 }) } as unknown as HeardFrame;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the response of a channel to a frame', () => {
  it('is flat without fading, in frequency and in the spectrum of white samples', () => {
    const response = responseOf(heard({}));
    expect(response).toMatchObject({ taps: [{ delay: 0, powerDb: 0 }], gainOverFrameDb: null });
    expect(new Set(response.gainDb)).toEqual(new Set([0]));
    expect(response.spectrumDb).toHaveLength(128);
    expect(Math.abs(mean(response.spectrumDb!))).toBeLessThan(0.3);
  });

  it('has the paths of a delay line, their sum over frequency, and the shape of it in the spectrum', () => {
    const { taps, gainDb, gainOverFrameDb, spectrumDb } = responseOf(heard({ model: { name: 'tdl-exp', taps: 3 } }));
    expect(taps.map(({ delay }) => delay)).toEqual([0, 1, 2]);
    expect(gainOverFrameDb).toBeNull();
    const power = (db: number): number => 10 ** (db / 10);
    const total = taps.reduce((sum, { powerDb }) => sum + power(powerDb), 0);
    expect(mean(gainDb.map(power))).toBeCloseTo(total, 1);
    // White samples through a filter: the spectrum is the filter's response, but for the spread of 64 periodograms.
    const off = spectrumDb!.map((db, i) => Math.abs(db - gainDb[2 * i]!));
    expect(mean(off)).toBeLessThan(1);
  });

  it('has the gain of one path that changes over the frame', () => {
    const { gainOverFrameDb, taps } = responseOf(heard({ model: { name: 'rayleigh-block', coherence: 1024 } }));
    expect(taps).toHaveLength(1);
    expect(gainOverFrameDb).toHaveLength(256);
    expect(new Set(gainOverFrameDb).size).toBe(8);
  });

  it('keeps to its limits, whatever the channel, and has no spectrum of a few samples', () => {
    const { spectrumDb, ...rest } = responseOf(heard({ model: { name: 'tdl-exp', taps: 64 } }, 100));
    expect(spectrumDb).toBeNull();
    const fact = { kind: 'response', stream: 's', frame: 0, spectrumDb, ...rest };
    const item = feedAnswerSchemas.channel.shape.items;
    expect(item.safeParse([{ ageMs: 0, fact }]).error).toBeUndefined();
  });
});
