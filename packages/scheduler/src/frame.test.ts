import { describe, expect, it } from 'vitest';
import { FrameOfferError } from './errors.js';
import { checkOffer, MAX_EVALUATIONS, MAX_STEPS, type FrameOffer } from './frame.js';

const offer: FrameOffer = {
  stream: 'a',
  frame: 0,
  size: { key: '256x256', pixels: 65_536 },
  perStep: [['posteriorStep']],
  steps: { min: 4, max: 12 },
};

describe('checkOffer', () => {
  it('takes guided frames, one-shot decodes, and the most there may be', () => {
    for (const changes of [
      {},
      { preview: ['decoder'], perStep: [], steps: { min: 0, max: 0 } },
      { perStep: [], closing: ['encoder'], steps: { min: 0, max: 0 } },
      { steps: { min: MAX_STEPS, max: MAX_STEPS } },
      { perStep: [Array.from({ length: MAX_EVALUATIONS }, () => 'denoiser')] },
      { deadlineMs: -1 },
    ]) {
      expect(() => {
        checkOffer({ ...offer, ...changes });
      }).not.toThrow();
    }
  });

  it.each<[string, Partial<FrameOffer>]>([
    ['more than there may be', { steps: { min: 0, max: MAX_STEPS + 1 } }],
    ['fewest above most', { steps: { min: 5, max: 4 } }],
    ['parts of steps', { steps: { min: 0.5, max: 4 } }],
    ['no step', { perStep: [] }],
    ['nothing at all', { perStep: [], steps: { min: 0, max: 0 } }],
    ['an empty request', { perStep: [['denoiser'], []] }],
    ['a graph without a name', { preview: [''] }],
    ['too many evaluations', { closing: Array.from({ length: MAX_EVALUATIONS + 1 }, () => 'encoder') }],
    ['no pixels', { size: { key: '0x0', pixels: 0 } }],
    ['a size without a name', { size: { key: '', pixels: 1 } }],
    ['a deadline that is none', { deadlineMs: Number.NaN }],
  ])('refuses %s', (_, changes) => {
    expect(() => {
      checkOffer({ ...offer, ...changes });
    }).toThrow(FrameOfferError);
  });
});
