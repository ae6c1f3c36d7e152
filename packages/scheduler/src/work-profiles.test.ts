import { describe, expect, it } from 'vitest';
import { CostEstimator } from './cost-estimator.js';
import type { FrameOffer } from './frame.js';
import { WorkProfiles } from './work-profiles.js';

const size = { key: '256x256', pixels: 65_536 };
const offer: FrameOffer = {
  stream: 'a',
  frame: 0,
  size,
  preview: ['decoder'],
  perStep: [['denoiser'], ['encoderVjp', 'encoderVjp', 'denoiser']],
  closing: ['encoder'],
  steps: { min: 1, max: 9 },
};

describe('WorkProfiles', () => {
  it('knows what a part of a frame costs, of workers and on the clock', () => {
    const profiles = new WorkProfiles({ workers: 2, buckets: [1] });
    const costs = new CostEstimator({ initialCostMs: 10 });
    const profile = profiles.hold(offer);
    profile.frames.step = 1;
    profiles.refreshCosts(costs);
    expect(profile.known).toBe(false);
    for (const [graph, ms] of [
      ['decoder', 4],
      ['denoiser', 10],
      ['encoderVjp', 8],
      ['encoder', 3],
    ] as const) {
      costs.observe(graph, size, 1, ms);
    }
    profiles.refreshCosts(costs);
    expect(profile.known).toBe(true);
    expect(profile.costs.preview).toEqual({ workMs: 4, sequenceMs: 4, soloMs: 4, rounds: 1 });
    // Two evaluations of a graph in one request run side by side on two workers; those of two graphs are not counted so.
    expect(profile.costs.step).toEqual({ workMs: 36, sequenceMs: 28, soloMs: 28, rounds: 3 });
    expect(profile.costs.closing).toEqual({ workMs: 3, sequenceMs: 3, soloMs: 3, rounds: 1 });
  });

  it('expects batches as large as there are frames to fill them', () => {
    const profiles = new WorkProfiles({ workers: 1, buckets: [1, 2, 4, 8] });
    const costs = new CostEstimator({ initialCostMs: 10 });
    for (const bucket of [1, 2, 4, 8]) {
      costs.observe('denoiser', size, bucket, 4 + bucket);
    }
    const profile = profiles.hold({ ...offer, preview: undefined, perStep: [['denoiser']], closing: undefined });
    const step = (frames: number): object => {
      profile.frames.step = frames;
      profiles.refreshCosts(costs);
      return { ...profile.costs.step };
    };
    expect(step(1)).toEqual({ workMs: 5, sequenceMs: 5, soloMs: 5, rounds: 1 });
    expect(step(3)).toEqual({ workMs: 8 / 3, sequenceMs: 8, soloMs: 5, rounds: 1 });
    expect(step(100)).toEqual({ workMs: 12 / 8, sequenceMs: 12, soloMs: 5, rounds: 1 });
  });

  it('knows how long it takes until each group had its turn', () => {
    const profiles = new WorkProfiles({ workers: 1, buckets: [1, 2, 4] });
    const costs = new CostEstimator({ initialCostMs: 10 });
    for (const bucket of [1, 2, 4]) {
      costs.observe('denoiser', size, bucket, 4 + bucket);
      costs.observe('posteriorStep', size, bucket, 4 + 3 * bucket);
    }
    const [one, other] = ['denoiser', 'posteriorStep'].map((graph) =>
      profiles.hold({ ...offer, preview: ['decoder'], perStep: [[graph]], closing: undefined }),
    );
    one!.frames.step = 7;
    other!.frames.step = 1;
    profiles.refreshCosts(costs);
    expect([1, 0.5].map((share) => profiles.cycleMs(share))).toEqual([2 * 8 + 7, 8 + 7]);
  });

  it('shares what frames have in common, and forgets it with the last of them', () => {
    const profiles = new WorkProfiles({ workers: 1, buckets: [1] });
    const first = profiles.hold(offer);
    expect(profiles.hold({ ...offer, stream: 'b', frame: 7, steps: { min: 0, max: 1 } })).toBe(first);
    const other = profiles.hold({ ...offer, size: { key: '64x64', pixels: 4096 } });
    expect(other).not.toBe(first);
    expect(profiles.size).toBe(2 + 2 * 4);
    profiles.release(first);
    profiles.release(other);
    expect(profiles.size).toBe(1 + 4);
    profiles.release(first);
    expect(profiles.size).toBe(0);
  });
});
