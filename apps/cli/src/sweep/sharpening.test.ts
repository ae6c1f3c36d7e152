import { RandomSource, type RgbImage } from '@semcast/core';
import { psnr } from '@semcast/quality';
import { describe, expect, it } from 'vitest';
import { amountFor, blur, sharpen, type SharpeningPicture } from './sharpening.js';

const SIDE = 48;

/** Soft shapes with some noise, and the same blurred: what a one-shot decode is to a photograph. */
async function pictureOf(seed: number, radius = 1.5): Promise<SharpeningPicture> {
  const random = new RandomSource([seed, 1, 2, 3]);
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % SIDE, Math.floor(i / 3 / SIDE)];
    return 128 + 50 * Math.sign(Math.sin(x / 5 + seed)) * Math.sign(Math.cos(y / 7)) + 4 * random.normal();
  });
  const original: RgbImage = { width: SIDE, height: SIDE, data };
  const decoded = { ...original, data: await blur(original, radius) };
  return { original, decoded, blurred: await blur(decoded, radius) };
}

describe('sharpening', () => {
  it('leaves a picture alone at 0, and adds what blurring takes', async () => {
    const picture = await pictureOf(1);
    expect(sharpen(picture, 0).data).toEqual(Uint8Array.from(picture.decoded.data));
    const { decoded, blurred } = picture;
    const at = decoded.data.findIndex((value, i) => value > 100 && value < 150 && value !== blurred[i]);
    const expected = Math.round(decoded.data[at]! + 0.7 * (decoded.data[at]! - blurred[at]!));
    expect(sharpen(picture, 0.7).data[at]).toBe(expected);
    const [low, high] = [Math.min, Math.max].map((of) => sharpen(picture, 60).data.reduce((a, b) => of(a, b)));
    expect([low, high]).toEqual([0, 255]);
  });

  it('finds the amount beyond the best one at which the mean PSNR is what is asked for', async () => {
    const pictures = await Promise.all([pictureOf(1), pictureOf(2), pictureOf(3)]);
    const meanOf = (amount: number) =>
      pictures.reduce((sum, each) => sum + psnr(each.original, sharpen(each, amount)) / pictures.length, 0);
    const wanted = meanOf(0) - 1;
    const amount = amountFor(pictures, wanted);
    expect(amount).toBeGreaterThan(0.5);
    expect(Math.abs(meanOf(amount) - wanted)).toBeLessThan(0.02);
    expect(meanOf(2 * amount)).toBeLessThan(wanted);
  });

  it('sharpens nothing for a PSNR that the pictures do not have themselves', async () => {
    expect(amountFor([await pictureOf(1)], 90)).toBe(0);
  });
});
