import { describe, expect, it } from 'vitest';
import { baseGraphFor, segment } from './segmentation.js';

describe('segmentation', () => {
  // The examples of MATLAB's nrDLSCHInfo(8456, 517/1024) and of its LDPC block error rate simulation, 3816 bits at 308/1024.
  it.each([
    [8456, 517 / 1024, 24, { baseGraph: 1, blocks: 2, blockBits: 4264, blockCrcBits: 24, liftingSize: 208 }],
    [3816, 308 / 1024, 16, { baseGraph: 2, blocks: 1, blockBits: 3832, blockCrcBits: 0, liftingSize: 384 }],
  ])('of %i bits at rate %f', (payloadBits, codeRate, crcBits, expected) => {
    expect(segment(payloadBits + crcBits, baseGraphFor(payloadBits, codeRate))).toEqual(expected);
  });

  it('uses fewer columns of base graph 2 for short blocks (clause 5.2.2)', () => {
    expect([192, 193, 560, 561, 640, 641].map((bits) => segment(bits, 2).liftingSize)).toEqual([
      32, 26, 72, 64, 72, 72,
    ]);
  });

  it('refuses what makes no equal blocks', () => {
    expect(() => segment(8449, 1)).toThrow("8449 bits don't make 2 equal code blocks");
    expect(() => segment(0, 1)).toThrow("can't have 0 bits");
  });
});
