import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeResult } from './encode-result.js';

/** A picture with every byte value, colours apart. */
const picture = { width: 16, height: 20, data: Uint8Array.from({ length: 960 }, (_, i) => (i * 37) % 256) };

describe('encodeResult', () => {
  it('hands raw pixels through as they are', async () => {
    expect(await encodeResult(picture, 'raw')).toEqual({ format: 'raw', width: 16, height: 20, bytes: picture.data });
  });

  it.each(['png', 'webp'] as const)('writes %s that reads back the same', async (format) => {
    const { bytes, ...rest } = await encodeResult(picture, format);
    expect(rest).toEqual({ format, width: 16, height: 20 });
    expect((await sharp(bytes).metadata()).format).toBe(format);
    expect(new Uint8Array(await sharp(bytes).raw().toBuffer())).toEqual(picture.data);
  });

  it('says why it can not', async () => {
    const wide = { width: 16_384, height: 1, data: new Uint8Array(3 * 16_384) };
    await expect(encodeResult(wide, 'webp')).rejects.toMatchObject({
      reason: 'encode-failed',
      message: expect.stringContaining('webp') as string,
    });
  });
});
