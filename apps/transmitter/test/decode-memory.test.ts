/** What reading photographs takes goes by the files that are read, not by the pictures that are sent. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type * as images from '@semcast/images';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { blankPng } from './support/blank-png.js';
import { receiver, temporaryFolder, transmitter } from './support/harness.js';

/** Decoding at this moment, and the most of it at a time. */
const decoding = vi.hoisted(() => ({ now: 0, most: 0 }));

vi.mock('@semcast/images', async (importOriginal) => {
  const original = await importOriginal<typeof images>();
  return {
    ...original,
    openImage: async (bytes: Uint8Array, options: images.OpenImageOptions = {}) => {
      const opened = await original.openImage(bytes, options);
      const decode: typeof opened.decode = async (run) => {
        decoding.now += opened.decodeBytes;
        decoding.most = Math.max(decoding.most, decoding.now);
        return await opened.decode(run).finally(() => (decoding.now -= opened.decodeBytes));
      };
      return options.formats === undefined ? { ...opened, decode } : opened;
    },
  };
});

const MIB = 1024 ** 2;
/** What the library itself takes beside pixels: threads, code, a little heap. */
const SLACK = 64 * MIB;

interface Report {
  readonly photographs: readonly { readonly decodeBytes?: number; readonly code?: string; readonly message?: string }[];
  readonly grown: number;
}

async function readElsewhere(files: readonly Buffer[]): Promise<Report> {
  const folder = await temporaryFolder();
  const paths = await Promise.all(
    files.map(async (bytes, i) => {
      const path = join(folder, `${i}.jpg`);
      await writeFile(path, bytes);
      return path;
    }),
  );
  const program = fileURLToPath(new URL('read-photos.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, '256', ...paths], { timeout: 50_000 });
  return JSON.parse(stdout) as Report;
}

const grain = (side: number) =>
  sharp({
    create: { width: side, height: side, channels: 3, background: '#000', noise: { type: 'gaussian', sigma: 40 } },
  });

describe('the memory of reading', () => {
  it('of three photographs of 144 million pixels that must be held as a whole is refused by the name of its limit', async () => {
    const huge = blankPng(12_000, 12_000);
    const { photographs, grown } = await readElsewhere([huge, huge, huge]);
    expect(grown).toBeLessThan(SLACK);
    for (const photograph of photographs) {
      expect(photograph).toMatchObject({
        code: 'E_PHOTO_TOO_LARGE',
        message: expect.stringContaining(
          '12000 × 12000 pixels, and decoding it takes 824 MiB of memory as png; the limit maxDecodeBytes is 384 MiB',
        ) as string,
        remedy: expect.stringContaining('raise maxDecodeBytes') as string,
      });
    }
  });

  it.each([
    ['an interlaced PNG of 16 bits', () => blankPng(3000, 3000)],
    ['a progressive JPEG', () => grain(2000).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer()],
    ['a WebP without loss', () => grain(1500).webp({ lossless: true, effort: 0 }).toBuffer()],
    ['an AVIF', () => grain(1000).avif({ effort: 0 }).toBuffer()],
    ['a GIF', () => grain(1000).gif({ effort: 1 }).toBuffer()],
    ['a TIFF', () => grain(2000).tiff({ compression: 'lzw' }).toBuffer()],
  ])('of %s is no more than was reckoned', async (_, make) => {
    const { photographs, grown } = await readElsewhere([await make()]);
    expect(photographs[0]!.code).toBeUndefined();
    expect(grown).toBeLessThan(photographs[0]!.decodeBytes! + SLACK);
  });

  it('is small where the format gives its rows one after the other, or a smaller picture', async () => {
    const black = sharp({ create: { width: 6000, height: 6000, channels: 3, background: '#123' } });
    const { photographs, grown } = await readElsewhere([await black.jpeg().toBuffer(), await black.png().toBuffer()]);
    expect(photographs.map(({ code }) => code)).toEqual([undefined, undefined]);
    expect(grown).toBeLessThan(SLACK);
  });

  it('is shared by the photographs that are read at a time', async () => {
    const far = await receiver();
    const one = 400 * 400 * 6;
    const { transmitter: near } = await transmitter(far.url, { workers: 4, size: 32, maxDecodeBytes: 2.5 * one });
    const photo = blankPng(400, 400);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => near.submit({ photo })));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 8 }, () => 'completed'));
    expect(decoding.most).toBe(2 * one);
    expect(await near.submit({ photo: blankPng(800, 800) })).toMatchObject({
      reason: 'image-too-large',
      detail: expect.stringContaining('maxDecodeBytes') as string,
    });
  });
});
