import { testPicture } from '@semcast/testkit';
import { describe, expect, it } from 'vitest';
import { compress } from './compress.js';
import { CompressedBlocks } from './compressed-blocks.js';
import { packPayload } from './payload.js';

const FAST = { format: 'avif', effort: 0 } as const;

describe('blocks of pictures', () => {
  it('are those of a search, made once for the same pixels, size and options', async () => {
    const blocks = new CompressedBlocks();
    const image = testPicture(48, 32);
    const first = await blocks.blockOf(image, 300, FAST);
    expect(first).toEqual(packPayload(await compress(image, 300, FAST), 300));
    expect(await blocks.blockOf(testPicture(48, 32), 300, FAST)).toBe(first);
    // A search would end at once.
    const ended = { ...FAST, signal: AbortSignal.abort(new Error('searched')) };
    expect(await blocks.blockOf(image, 300, ended)).toBe(first);
    for (const [other, blockBytes, options] of [
      [testPicture(32, 48), 300, ended],
      [image, 301, ended],
      [image, 300, { ...ended, format: 'webp' }],
      [image, 300, { ...ended, effort: 1 }],
      [{ ...image, data: image.data.map((value) => 255 - value) }, 300, ended],
    ] as const) {
      await expect(blocks.blockOf(other, blockBytes, options)).rejects.toThrow('searched');
    }
  });

  it('are forgotten where more than so many are asked for, the oldest first', async () => {
    const blocks = new CompressedBlocks(2);
    const image = testPicture(16, 16);
    const [first] = [await blocks.blockOf(image, 200, FAST), await blocks.blockOf(image, 210, FAST)];
    expect(await blocks.blockOf(image, 200, FAST)).toBe(first);
    await blocks.blockOf(image, 220, FAST);
    expect(await blocks.blockOf(image, 200, FAST)).toBe(first);
    const ended = { ...FAST, signal: AbortSignal.abort(new Error('searched')) };
    await expect(blocks.blockOf(image, 210, ended)).rejects.toThrow('searched');
  });
});
