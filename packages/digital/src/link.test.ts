import { decodeTransportBlock, encodeTransportBlock, MCS_TABLE } from '@semcast/channel-coding';
import { addNoise } from '@semcast/channel-models';
import { csnrDbToNoiseVariance, meanPower } from '@semcast/core';
import { testPicture } from '@semcast/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compress } from './compress.js';
import { CompressedBlocks } from './compressed-blocks.js';
import { decodePicture, encodePicture, linkFormat, type LinkFormat, type TransportCoder } from './link.js';

const OPTIONS = { format: 'avif', effort: 0 } as const;

/** The channel code without threads. */
const coder: TransportCoder = {
  encode: async (block, format) => encodeTransportBlock(block, format),
  decode: async ({ noiseVariance, ...received }, format) => {
    const variance = Float32Array.from(noiseVariance);
    const result = decodeTransportBlock({ ...received, noiseVariance: variance }, format, format.blockBytes);
    return result.ok ? result.bytes : null;
  },
};

const tools = { coder, blocks: new CompressedBlocks() };

const received = (symbols: Float32Array, csnrDb: number, frame = 0) => {
  const variance = csnrDbToNoiseVariance(csnrDb);
  return {
    y: addNoise(symbols.slice(), { seed: 1, stream: 'link', frame }, variance),
    h: null,
    noiseVariance: new Float64Array(symbols.length / 2).fill(variance),
  };
};

describe('linkFormat', () => {
  it('brings no more bits than the MCS of the design CSNR, and never more than capacity', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -30, max: 60, noNaN: true }),
        fc.integer({ min: 1, max: 200_000 }),
        (csnrDb, symbols) => {
          const { mcs, blockBytes } = linkFormat(csnrDb, symbols);
          const { efficiency, thresholdDb } = MCS_TABLE[mcs]!;
          expect(8 * blockBytes).toBeLessThanOrEqual(symbols * efficiency);
          expect(mcs === 0 || thresholdDb <= csnrDb).toBe(true);
          expect(mcs === 0 || efficiency < Math.log2(1 + 10 ** (csnrDb / 10))).toBe(true);
        },
      ),
    );
  });
});

describe('the digital link', () => {
  const image = testPicture(96, 64);
  const symbols = (96 * 64 * 3) / 24;

  it('takes its symbols, with unit power, whatever picture, rate and CSNR', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: -10, max: 30, noNaN: true }),
        async (width, height, count, csnrDb) => {
          const format = linkFormat(csnrDb, count);
          const sent = await encodePicture(testPicture(width, height), format, OPTIONS, tools);
          expect(sent).toHaveLength(2 * count);
          expect(meanPower(sent)).toBeCloseTo(1, 5);
        },
      ),
      { numRuns: 20, seed: 3 },
    );
  });

  it('brings the very picture that was compressed, from 1 dB above its threshold, and none 1 dB below', async () => {
    for (const designCsnrDb of [2, 10, 18]) {
      const format = linkFormat(designCsnrDb, symbols);
      const { thresholdDb } = MCS_TABLE[format.mcs]!;
      const sent = await encodePicture(image, format, OPTIONS, tools);
      const picture = await compress(image, format.blockBytes, OPTIONS);
      const through = await decodePicture(received(sent, thresholdDb + 1), format, image, { coder });
      expect(through.lost).toBeUndefined();
      expect(Buffer.compare(through.image.data, picture!.decoded.data)).toBe(0);
      const below = await decodePicture(received(sent, thresholdDb - 1), format, image, { coder });
      expect(below.lost).toBe('block-error');
      expect(new Set(below.image.data)).toEqual(new Set([128]));
    }
  });

  it('says that no picture fits, over its channel uses all the same', async () => {
    for (const count of [1, 30]) {
      const format = linkFormat(5, count);
      const sent = await encodePicture(image, format, OPTIONS, tools);
      expect(await compress(image, format.blockBytes, OPTIONS)).toBeNull();
      expect(await decodePicture(received(sent, 20), format, image, { coder })).toMatchObject({ lost: 'does-not-fit' });
    }
  });

  it('loses a picture of which the sender made something else, and never fails for it', async () => {
    const format: LinkFormat = linkFormat(10, symbols);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: format.blockBytes, maxLength: format.blockBytes }), async (block) => {
        block[0]! |= 1;
        const sent = await coder.encode(block, format);
        const { image: shown, lost } = await decodePicture(received(sent, 20), format, image, { coder });
        expect(shown).toMatchObject({ width: 96, height: 64 });
        expect(lost).toBe('undecodable');
      }),
      { numRuns: 10, seed: 4 },
    );
  });
});
