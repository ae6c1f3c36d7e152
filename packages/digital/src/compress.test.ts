import { testPicture } from '@semcast/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DIGITAL_FORMATS } from './codings.js';
import { compress, halved, largestFit } from './compress.js';
import { decompress } from './decompress.js';
import { packPayload, unpackPayload, type PicturePayload } from './payload.js';

const FAST = { format: 'avif', effort: 0 } as const;

describe('largestFit', () => {
  it('finds the largest quality that fits, wherever it begins, in no more runs than guesses and a bisection', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0.01, max: 0.2, noNaN: true }),
        async (largest, first, slope) => {
          let runs = 0;
          const sizeAt = (quality: number): number => Math.ceil(500 * Math.exp(slope * quality));
          const encode = async (quality: number): Promise<Uint8Array> => {
            runs++;
            expect(quality).toBeGreaterThanOrEqual(1);
            expect(quality).toBeLessThanOrEqual(100);
            return new Uint8Array(Math.min(sizeAt(quality), 1_000_000));
          };
          const most = Math.min(sizeAt(largest), 999_999);
          const fit = await largestFit(encode, most, first);
          expect(fit!.bytes.length).toBeLessThanOrEqual(most);
          expect(Math.min(sizeAt(fit!.quality + 1), 1_000_000) > most || fit!.quality === 100).toBe(true);
          expect(runs).toBeLessThanOrEqual(4 + 7);
        },
      ),
    );
  });

  it('is null where the lowest quality does not fit', async () => {
    expect(await largestFit(async (quality) => new Uint8Array(100 + quality), 100, 30)).toBeNull();
  });
});

describe('a picture within a budget', () => {
  it('never takes more bytes, and is for the receiver what it is here, whatever size and budget', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 0, max: 900 }),
        fc.constantFrom(...DIGITAL_FORMATS),
        async (width, height, blockBytes, format) => {
          const image = testPicture(width, height);
          const picture = await compress(image, blockBytes, { format, effort: 0 });
          const block = packPayload(picture, blockBytes);
          expect(block.length).toBe(blockBytes);
          const payload = unpackPayload(block) as PicturePayload | null;
          const decoded = payload === null ? undefined : await decompress(payload, image);
          expect(decoded).toEqual(picture?.decoded);
        },
      ),
      { numRuns: 25, seed: 1 },
    );
  });

  it('is better with more bytes, and halved where few are better spent so', async () => {
    const image = testPicture(256, 256);
    const errors = [];
    const halvings = [];
    for (const blockBytes of [80, 300, 1200, 5000]) {
      const picture = await compress(image, blockBytes, FAST);
      errors.push(picture!.squaredError);
      halvings.push(picture!.halvings);
    }
    expect(errors).toEqual(errors.toSorted((a, b) => b - a));
    expect(halvings[0]).toBeGreaterThan(0);
    expect(halvings).toEqual(halvings.toSorted((a, b) => b - a));
  });

  it('is none where not even one pixel fits, and nothing where nobody wants it', async () => {
    const image = testPicture(8, 8);
    expect(await compress(image, 10, FAST)).toBeNull();
    await expect(compress(image, 500, { ...FAST, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });

  it('has sides that are rounded up', () => {
    expect([0, 1, 2, 9].map((times) => halved({ width: 301, height: 2 }, times))).toEqual([
      { width: 301, height: 2 },
      { width: 151, height: 1 },
      { width: 76, height: 1 },
      { width: 1, height: 1 },
    ]);
  });
});

describe('bytes of a peer', () => {
  it('are a picture of the right size or refused as UnfitPictureError, whatever they are', async () => {
    const image = testPicture(48, 32);
    const good = (await compress(image, 700, FAST))!;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 15 }),
        fc.integer({ min: 0, max: 15 }),
        fc.array(fc.tuple(fc.nat(good.bytes.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
        fc.nat(good.bytes.length),
        async (coding, halvings, changes, length) => {
          const bytes = Uint8Array.from(good.bytes);
          for (const [at, value] of changes) {
            bytes[at] = value;
          }
          const given = { coding, halvings, bytes: bytes.subarray(0, length) };
          const outcome = await decompress(given, image).catch((error: unknown) => error);
          const expected =
            outcome instanceof Error ? { code: 'E_UNFIT_PICTURE' } : { width: 48, height: 32, data: { length: 4608 } };
          expect(outcome).toMatchObject(expected);
        },
      ),
      { numRuns: 60, seed: 2 },
    );
  });

  it('of another size are refused before they are decoded', async () => {
    const other = (await compress(testPicture(40, 32), 700, { format: 'webp', effort: 0 }))!;
    await expect(decompress(other, { width: 48, height: 32 })).rejects.toThrow(
      'the picture is one of 40 × 32, and should be of 48 × 32',
    );
  });
});
