import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { tiffOf } from '../test/tiff.js';
import { IMAGE_FORMATS, imageFormatOf, openImage, renderSvg } from './index.js';

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="6" height="4"><rect width="6" height="4" fill="red"/></svg>';
const picture = () => sharp({ create: { width: 6, height: 4, channels: 3, background: '#c63' } });
const pngBytes = () => picture().png().toBuffer();
const grain = () =>
  sharp({
    create: {
      width: 99,
      height: 99,
      channels: 3,
      background: '#000',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  });
const pixels = async (bytes: Uint8Array): Promise<number[]> => {
  const image = await openImage(bytes);
  return [...(await image.decode(async (opened) => await opened.removeAlpha().raw().toBuffer()))];
};

describe('openImage', () => {
  it.each(IMAGE_FORMATS)('opens %s, by what the bytes say', async (format) => {
    const bytes = await picture().toFormat(format).toBuffer();
    expect(imageFormatOf(bytes)).toBe(format);
    expect(await openImage(bytes)).toMatchObject({ format, width: 6, height: 4 });
    expect((await pixels(bytes)).length).toBe(3 * 6 * 4);
  });

  it('says the size that is seen, upright', async () => {
    const lying = await picture().withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await openImage(lying)).toMatchObject({ width: 4, height: 6 });
  });

  it.each([
    ['SVG', SVG, '“<svg xml”'],
    ['SVG behind white space', `\n  ${SVG}`, '0a20203c73766720'],
    ['SVG behind a declaration', `<?xml version="1.0"?>${SVG}`, '“<?xml ve”'],
    ['PDF', '%PDF-1.7\n%', '“%PDF-1.7”'],
    ['PPM', 'P6 1 1 255 abc', '“P6 1 1 2”'],
    ['text', 'no image', '“no image”'],
    ['nothing', '', 'begins with '],
  ])('refuses %s, and says what it begins with', async (_, text, message) => {
    await expect(openImage(Buffer.from(text))).rejects.toThrow(message);
    await expect(openImage(Buffer.from(text))).rejects.toMatchObject({ code: 'E_IMAGE_UNREADABLE' });
  });

  it('refuses a format that is not wanted here', async () => {
    const jpeg = await picture().jpeg().toBuffer();
    await expect(openImage(jpeg, { formats: ['png', 'webp'] })).rejects.toThrow('format jpeg, not png or webp');
  });

  it('lets no other loader run in this process, whatever the file begins with', async () => {
    await openImage(await pngBytes());
    await expect(sharp(Buffer.from(SVG)).toBuffer()).rejects.toThrow('unsupported image format');
    // A file that is two things at a time: the GIF's signature passes, and nothing renders what follows.
    await expect(openImage(Buffer.from(`GIF89a ${SVG}`))).rejects.toMatchObject({ code: 'E_IMAGE_UNREADABLE' });
  });

  it.each(IMAGE_FORMATS)('refuses %s that is cut short, and ignores what lies behind its end', async (format) => {
    const bytes = await grain().toFormat(format).toBuffer();
    for (const length of [bytes.length / 2, bytes.length * 0.99]) {
      await expect(pixels(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'E_IMAGE_UNREADABLE' });
    }
    expect(await pixels(Buffer.concat([bytes, Buffer.alloc(1024, 0x55)]))).toEqual(await pixels(bytes));
  });

  it('refuses a PNG in which a bit has changed, and reads a JPEG as far as it can', async () => {
    const [png, jpeg] = await Promise.all([grain().png().toBuffer(), grain().jpeg().toBuffer()]);
    const whole = await pixels(jpeg);
    for (const bytes of [png, jpeg]) {
      bytes[Math.floor(bytes.length * 0.6)]! ^= 0x10;
    }
    await expect(pixels(png)).rejects.toMatchObject({ code: 'E_IMAGE_UNREADABLE' });
    expect((await pixels(jpeg)).length).toBe(whole.length);
    // Without its last chunk, which says nothing, a PNG is complete.
    const untouched = await pngBytes();
    expect(await pixels(untouched.subarray(0, -12))).toEqual(await pixels(untouched));
  });

  it('waits for what never ends no longer than it may, or than somebody wants it', async () => {
    const never = new Promise<never>(() => {});
    const image = await openImage(await pngBytes(), { timeoutMs: 30 });
    await expect(image.decode(() => never)).rejects.toThrow('takes longer than 30 ms');
    const controller = new AbortController();
    const wanted = await openImage(await pngBytes(), { signal: controller.signal });
    const decoding = wanted.decode(() => never);
    controller.abort(new Error('not wanted'));
    await expect(decoding).rejects.toThrow('not wanted');
    await expect(openImage(await pngBytes(), { signal: controller.signal })).rejects.toThrow('not wanted');
  });
});

describe('renderSvg', () => {
  it('draws what this program wrote, several at a time, and closes the loader again', async () => {
    const [drawn] = await Promise.all([renderSvg(SVG), renderSvg(SVG)]);
    expect(drawn).toMatchObject({ width: 6, height: 4 });
    expect([...drawn.data.subarray(0, 4)]).toEqual([255, 0, 0, 255]);
    await expect(openImage(Buffer.from(SVG))).rejects.toMatchObject({ code: 'E_IMAGE_UNREADABLE' });
    await expect(sharp(Buffer.from(SVG)).toBuffer()).rejects.toThrow('unsupported image format');
  });
});

describe('sample formats', () => {
  const sides = { width: 4, height: 2 };
  const unsigned = 1;
  const signed = 2;
  const float = 3;

  it.each([
    ['unsigned 8-bit', unsigned, new Uint8Array(24).fill(128), 128],
    ['unsigned 16-bit', unsigned, new Uint16Array(24).fill(0x8080), 128],
    ['grey, 16-bit', unsigned, new Uint16Array(8).fill(0x8080), 128],
  ])('of %s numbers are scaled to 8 bits', async (_, sampleFormat, samples, value) => {
    const image = await openImage(tiffOf(samples, { ...sides, sampleFormat }));
    const data = await image.decode(
      async (opened) => await opened.toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer(),
    );
    expect([...data]).toEqual(Array.from({ length: 24 }, () => value));
  });

  it.each([
    ['signed 8-bit numbers', signed, new Int8Array(24).fill(-50)],
    ['signed 16-bit numbers', signed, new Int16Array(24).fill(5000)],
    ['signed 16-bit numbers', signed, new Int16Array(8).fill(5000)],
    ['signed 32-bit numbers', signed, new Int32Array(8).fill(5000)],
    ['unsigned 32-bit numbers', unsigned, new Uint32Array(24).fill(2 ** 31)],
    ['32-bit floating-point numbers', float, new Float32Array(24).fill(0.5)],
    ['32-bit floating-point numbers', float, new Float32Array(24).fill(Number.NaN)],
    ['32-bit floating-point numbers', float, new Float32Array(8).fill(200)],
    ['32-bit floating-point numbers', float, new Uint16Array(8).fill(0x3800)],
  ])('of %s are refused, with the reason', async (message, sampleFormat, samples) => {
    await expect(openImage(tiffOf(samples, { ...sides, sampleFormat }))).rejects.toMatchObject({
      code: 'E_IMAGE_UNREADABLE',
      message: `its samples are ${message}, which don't say what is black and what is white`,
      remedy: 'save it with 8 or 16 bits a channel, unsigned',
    });
  });
});
