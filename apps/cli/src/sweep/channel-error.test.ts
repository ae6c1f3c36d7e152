import { createChannelModel, channelModelConfigSchema } from '@semcast/channel-models';
import type { Tap } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { channelErrorOf } from './channel-error.js';

const frame = { stream: 'sweep', frame: 3, width: 64, height: 64, cbrWithOverhead: 1 / 24 };
const tap = (delay: number, ...values: number[]): Tap => ({
  delay,
  gains: { coherence: 512 / (values.length / 2), values: Float32Array.from(values) },
});
const of = (taps: readonly Tap[] | null, gains: number[], carriers = [0, 2]) =>
  channelErrorOf(
    { ...frame, estimate: { fftSize: 4, carriers, gains } },
    { fading: { drawFading: () => taps }, seed: 1 },
  );

describe('the error of an estimated channel', () => {
  it('is plain, and aligned by the best common phase: of two taps with H = 1 ± j/2', () => {
    const taps = [tap(0, 1, 0), tap(1, 0, 0.5)];
    const turned = of(taps, [-0.5, 1, 0.5, 1]);
    // j·H: |j - 1|² = 2 times the power; nothing once aligned.
    expect(turned.channelErrorDb).toBeCloseTo(10 * Math.log10(2), 6);
    expect(turned.alignedChannelErrorDb).toBeLessThan(-90);
    const halved = of(taps, [0.5, 0.25, 0.5, -0.25]);
    expect(halved.channelErrorDb).toBeCloseTo(10 * Math.log10(0.25), 6);
    expect(halved.alignedChannelErrorDb).toBeCloseTo(10 * Math.log10(0.25), 6);
  });

  it('is against the mean gain of the frame, and a gain of 1 without fading', () => {
    expect(of([tap(0, 1, 0, 0, 1)], [0.5, 0.5], [0]).channelErrorDb).toBeLessThan(-90);
    expect(of(null, [1, 0], [1]).channelErrorDb).toBeLessThan(-90);
  });

  it('knows the draw of a channel by its seed, and needs an estimate', () => {
    const fading = createChannelModel(channelModelConfigSchema.parse({ name: 'rayleigh-slow' }), 1e6);
    const [drawn] = fading.drawFading({ seed: 5, stream: 'sweep', frame: 3 }, 512)!;
    const estimate = { fftSize: 1, carriers: [0], gains: [...drawn!.gains.values] };
    expect(channelErrorOf({ ...frame, estimate }, { fading, seed: 5 }).channelErrorDb).toBeLessThan(-90);
    expect(channelErrorOf({ ...frame, estimate }, { fading, seed: 6 }).channelErrorDb).toBeGreaterThan(-30);
    expect(channelErrorOf(frame, { fading, seed: 5 })).toEqual({});
  });
});
