import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RgbImage } from '@semcast/core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PhotoTooLargeError, PhotoUnreadableError } from './errors.js';
import { openPhoto, readPhoto } from './read-photo.js';

const options = { size: 0, maxImagePixels: 1_000_000 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-photos-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A 4×2 picture of which every pixel has its own colour: red is the column, green the row. */
const small: RgbImage = {
  width: 4,
  height: 2,
  data: Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7].flatMap((i) => [60 * (i % 4), 200 * Math.floor(i / 4), 90])),
};
const raw = (image: RgbImage) => sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } });

function pixel({ width, data }: RgbImage, x: number, y: number): number[] {
  return [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
}

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

describe('readPhoto', () => {
  it('reads a PNG file pixel by pixel', async () => {
    const path = await file('small.png', await raw(small).png().toBuffer());
    const image = await readPhoto(path, options);
    expect({ ...image, data: [...image.data] }).toEqual({ ...small, data: [...small.data] });
  });

  it('takes bytes as well as paths', async () => {
    expect([...(await readPhoto(await raw(small).png().toBuffer(), options)).data]).toEqual([...small.data]);
  });

  it('makes RGB of a grey picture', async () => {
    const grey = await sharp(Uint8Array.from([0, 100, 255]), { raw: { width: 3, height: 1, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(1);
    expect([...(await readPhoto(grey, options)).data]).toEqual([0, 0, 0, 100, 100, 100, 255, 255, 255]);
  });

  it('makes RGB of a CMYK picture, of about the same colours', async () => {
    const flat = sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 190, g: 100, b: 60 } } });
    const cmyk = await flat.toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
    const image = await readPhoto(cmyk, options);
    expect(image.data.length).toBe(3 * 16 * 16);
    for (const [i, wanted] of [190, 100, 60].entries()) {
      expect(Math.abs(image.data[i]! - wanted)).toBeLessThan(45);
    }
  });

  it('lays transparency on white, in 8 and in 16 bits', async () => {
    const half = sharp({
      create: { width: 2, height: 2, channels: 4, background: { r: 200, g: 0, b: 0, alpha: 0.5 } },
    });
    for (const png of [
      await half.clone().png().toBuffer(),
      await half.clone().toColourspace('rgb16').png().toBuffer(),
    ]) {
      const [red, green, blue] = pixel(await readPhoto(png, options), 0, 0) as [number, number, number];
      expect(Math.abs(red - 227)).toBeLessThan(4);
      expect(Math.abs(green - 127)).toBeLessThan(4);
      expect(Math.abs(blue - 127)).toBeLessThan(4);
    }
  });

  it('makes 8 bits of 16', async () => {
    const png = await raw(small).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(png).metadata()).depth).toBe('ushort');
    const image = await readPhoto(png, options);
    expect([...image.data].every((value, i) => Math.abs(value - small.data[i]!) <= 1)).toBe(true);
  });

  it('turns a photograph upright as its EXIF tag says', async () => {
    // Orientation 6: the camera was held so that the first row of the file is the right edge of the scene.
    const lying = await raw(small).withMetadata({ orientation: 6 }).png().toBuffer();
    const photo = await openPhoto(lying, options);
    expect([photo.width, photo.height]).toEqual([2, 4]);
    const image = await photo.read();
    expect([image.width, image.height]).toEqual([2, 4]);
    expect(pixel(image, 1, 0)).toEqual(pixel(small, 0, 0));
    expect(pixel(image, 0, 3)).toEqual(pixel(small, 3, 1));
    const half = await raw(small).withMetadata({ orientation: 3 }).png().toBuffer();
    expect(pixel(await readPhoto(half, options), 0, 0)).toEqual(pixel(small, 3, 1));
  });

  it('resizes the short side and crops the centre', async () => {
    // Left half black, right half white: the centre of a 40×10 picture cropped to a square is half and half.
    const wide = await sharp({ create: { width: 40, height: 10, channels: 3, background: '#000' } })
      .composite([{ input: { create: { width: 20, height: 10, channels: 3, background: '#fff' } }, left: 20, top: 0 }])
      .png()
      .toBuffer();
    const photo = await openPhoto(wide, { ...options, size: 20 });
    expect([photo.width, photo.height]).toEqual([20, 20]);
    const image = await photo.read();
    expect([image.width, image.height]).toEqual([20, 20]);
    expect(pixel(image, 2, 10)).toEqual([0, 0, 0]);
    expect(pixel(image, 17, 10)).toEqual([255, 255, 255]);
  });

  it('reads a picture of one pixel', async () => {
    const dot = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#102030' } })
      .jpeg()
      .toBuffer();
    const image = await readPhoto(dot, options);
    expect([image.width, image.height, image.data.length]).toEqual([1, 1, 3]);
  });

  it('takes a 20,000-pixel-wide picture within the limit, and refuses one beyond it before decoding', async () => {
    const strip = await sharp({ create: { width: 20_000, height: 50, channels: 3, background: '#123456' } })
      .png()
      .toBuffer();
    expect((await readPhoto(strip, options)).width).toBe(20_000);
    await expect(openPhoto(strip, { ...options, maxImagePixels: 999_999 })).rejects.toThrow(PhotoTooLargeError);
    const panorama = await sharp({ create: { width: 20_000, height: 4_000, channels: 3, background: '#123456' } })
      .png()
      .toBuffer();
    await expect(openPhoto(panorama, options)).rejects.toMatchObject({
      code: 'E_PHOTO_TOO_LARGE',
      message: 'the image would be sent with 20000 × 4000 = 80000000 pixels; the limit is 1000000',
      remedy: expect.stringContaining('--size') as string,
    });
    expect((await readPhoto(panorama, { ...options, size: 64 })).data.length).toBe(3 * 64 * 64);
  });

  it('holds every limit exactly', async () => {
    const png = await raw(small).png().toBuffer();
    expect((await openPhoto(png, { ...options, maxImagePixels: 8 })).width).toBe(4);
    await expect(openPhoto(png, { ...options, maxImagePixels: 7 })).rejects.toThrow('4 × 2 = 8 pixels');
    expect((await openPhoto(png, { ...options, size: 2, maxImagePixels: 4 })).width).toBe(2);
    await expect(openPhoto(png, { ...options, size: 3, maxImagePixels: 8 })).rejects.toThrow('3 × 3 = 9 pixels');
    expect((await openPhoto(png, { ...options, size: 2, maxDecodeBytes: 24 })).width).toBe(2);
    await expect(openPhoto(png, { ...options, size: 2, maxDecodeBytes: 23 })).rejects.toThrow('maxDecodeBytes');
    const path = await file('limit.png', png);
    expect((await openPhoto(path, { ...options, maxFileBytes: png.length })).width).toBe(4);
    await expect(openPhoto(path, { ...options, maxFileBytes: png.length - 1 })).rejects.toThrow(PhotoTooLargeError);
  });

  it.each([
    ['nothing', new Uint8Array(0), 'is empty (0 bytes)'],
    ['text', new TextEncoder().encode('not a photograph at all'), "can't be read as an image"],
    [
      'an SVG, whose filters may render for ever',
      new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"/>'),
      'no image file of a known format: it begins with',
    ],
    [
      'a PNG signature and nothing else',
      Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      "can't be read",
    ],
  ])('refuses %s, naming file and cause', async (_, bytes, message) => {
    const path = await file('bad.jpg', bytes);
    await expect(readPhoto(path, options)).rejects.toThrow(PhotoUnreadableError);
    await expect(readPhoto(path, options)).rejects.toThrow(message);
    await expect(readPhoto(path, options)).rejects.toThrow(path);
    await expect(readPhoto(bytes, options)).rejects.toThrow(message);
  });

  it('refuses half a JPEG rather than send half a picture', async () => {
    const noise = {
      width: 320,
      height: 240,
      channels: 3 as const,
      background: '#000',
      noise: { type: 'gaussian' as const, mean: 128, sigma: 40 },
    };
    const jpeg = await sharp({ create: noise }).jpeg().toBuffer();
    await expect(readPhoto(jpeg.subarray(0, jpeg.length / 2), options)).rejects.toThrow(PhotoUnreadableError);
  });

  it('refuses what is no file', async () => {
    await expect(readPhoto(join(folder, 'absent.png'), options)).rejects.toThrow("doesn't exist");
    await expect(readPhoto(folder, options)).rejects.toThrow('is a folder');
    await expect(readPhoto('/dev/null', options)).rejects.toThrow('is no ordinary file');
  });
});
