import { testPicture } from '@semcast/testkit';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { stripAvif, wrapAvif } from './avif.js';
import { rawImage } from './codings.js';

const fileOf = async (width: number, height: number, chromaSubsampling: string): Promise<Buffer> =>
  await rawImage(testPicture(width, height)).avif({ quality: 40, effort: 0, chromaSubsampling }).toBuffer();

describe('an AVIF file without its container', () => {
  it.each([
    [64, 48, '4:2:0'],
    [64, 48, '4:4:4'],
    [1, 1, '4:2:0'],
    [17, 301, '4:4:4'],
  ])('of %i × %i, %s is the same picture, and 252 bytes shorter', async (width, height, chroma) => {
    const file = await fileOf(width, height, chroma);
    const obus = stripAvif(file);
    expect(file.length - obus.length).toBe(252);
    const wrapped = wrapAvif(obus, { width, height, subsampled: chroma === '4:2:0' });
    expect(await sharp(wrapped).metadata()).toMatchObject({ format: 'heif', compression: 'av1', width, height });
    expect(Buffer.compare(await sharp(wrapped).raw().toBuffer(), await sharp(file).raw().toBuffer())).toBe(0);
  });

  it('is refused where its size or its chroma is another than was announced', async () => {
    const obus = stripAvif(await fileOf(64, 48, '4:2:0'));
    const shape = { width: 64, height: 48, subsampled: true };
    for (const change of [{ width: 63 }, { height: 480 }, { subsampled: false }]) {
      expect(() => wrapAvif(obus, { ...shape, ...change })).toThrow(/one of 64 × 48, profile 0/);
    }
    // Not a still picture: its frames might say any size.
    const moving = Uint8Array.from(obus);
    moving[2]! &= ~0x08;
    expect(() => wrapAvif(moving, shape)).toThrow(/AV1 picture/);
    expect(() => wrapAvif(obus.subarray(14), shape)).toThrow('no AV1 still picture');
    expect(() => wrapAvif(new Uint8Array(), shape)).toThrow('no AV1 still picture');
  });
});
