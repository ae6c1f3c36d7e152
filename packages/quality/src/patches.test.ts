import { describe, expect, it } from 'vitest';
import { flat, picture } from '../fixtures/test-pictures.js';
import { patchCount, patches } from './patches.js';

describe('patches', () => {
  it('counts whole patches at stride 32', () => {
    expect(patchCount(768, 512)).toBe(23 * 15);
    expect(patchCount(256, 256)).toBe(49);
    expect(patchCount(64, 64)).toBe(1);
    expect(patchCount(95, 64)).toBe(1);
    expect(patchCount(96, 64)).toBe(2);
    expect(patchCount(63, 500)).toBe(0);
    expect(patchCount(1, 1)).toBe(0);
  });

  it('takes each patch from its place, channels apart, on [-1, 1]', () => {
    const image = picture(137, 101);
    const { data, dims } = patches(image);
    expect(dims).toEqual([3 * 2, 3, 64, 64]);
    for (const [patch, channel, y, x] of [
      [0, 0, 0, 0],
      [2, 1, 63, 63],
      [3, 2, 5, 40],
      [5, 0, 63, 1],
    ] as const) {
      const [left, top] = [(patch % 3) * 32, Math.floor(patch / 3) * 32];
      const value = image.data[3 * ((top + y) * 137 + left + x) + channel]!;
      expect(data[((patch * 3 + channel) * 64 + y) * 64 + x]).toBe(Math.fround(value / 127.5 - 1));
    }
    expect(patches(flat(64, 64, 0)).data.every((v) => v === -1)).toBe(true);
    expect(patches(flat(64, 64, 255)).data.every((v) => v === 1)).toBe(true);
  });

  it('gives the same patches in parts', () => {
    const image = picture(160, 130);
    const whole = patches(image);
    expect(whole.dims[0]).toBe(12);
    const parts = [0, 5, 10].map((from) => patches(image, { from, count: 5 }));
    expect(parts.map(({ dims }) => dims[0])).toEqual([5, 5, 2]);
    const joined = Buffer.concat(parts.map(({ data }) => Buffer.from(data.buffer)));
    expect(joined.equals(Buffer.from(whole.data.buffer))).toBe(true);
    expect(patches(image, { from: 12 }).dims[0]).toBe(0);
  });

  it('gives none for a small picture, and refuses what is none', () => {
    expect(patches(flat(63, 200, 1)).dims).toEqual([0, 3, 64, 64]);
    expect(() => patches({ width: 64, height: 64, data: new Uint8Array(64 * 64) })).toThrow(
      "a 64×64 RGB picture can't have 4096 bytes",
    );
    expect(() => patches(flat(64, 64, 0), { from: -1 })).toThrow('a patch range starts at a whole number from 0');
    expect(() => patches(flat(64, 64, 0), { count: 1.5 })).toThrow('a patch range has a whole number of patches');
  });
});
