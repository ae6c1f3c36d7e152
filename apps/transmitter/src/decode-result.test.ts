import type { ResultHead } from '@semcast/wire';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeResult } from './decode-result.js';

const size = { width: 6, height: 4 };
const head = (format: ResultHead['image']['format']): ResultHead => ({
  stream: 's',
  frame: 0,
  stage: 'final',
  decoder: 'jscc',
  image: { format, ...size },
  steps: 0,
  csnrDb: { estimated: 3 },
  residual: null,
  timingsMs: { queue: 0, preview: 1, decode: 7, total: 8 },
});
const picture = (side = size) => sharp({ create: { ...side, channels: 3, background: '#c63' } });

describe('a picture that came back', () => {
  it.each(['png', 'webp'] as const)('is decoded (%s)', async (format) => {
    const payload = await picture().toFormat(format, { lossless: true }).toBuffer();
    const { data, ...decoded } = await decodeResult(head(format), payload, size);
    expect(decoded).toEqual(size);
    expect([...data.subarray(0, 3)]).toEqual([0xcc, 0x66, 0x33]);
  });

  it.each([
    ['an SVG', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="6" height="4"/>'), 'begins with'],
    ['another format', () => picture().webp().toBuffer(), 'format webp, not png'],
    ['another size', () => picture({ width: 6, height: 5 }).png().toBuffer(), 'one of 6 × 5 came back'],
    ['a size that would fill the memory', () => hugePng(), 'one of 60000 × 60000 came back'],
  ])('is refused before it is decoded when it is %s', async (_, bytes, message) => {
    await expect(decodeResult(head('png'), await bytes(), size)).rejects.toMatchObject({
      code: 'E_RESULT_UNREADABLE',
      message: expect.stringContaining(message) as string,
    });
  });
});

/** A PNG of 6 × 4 whose header says 60,000 × 60,000. */
async function hugePng(): Promise<Buffer> {
  const { crc32 } = await import('node:zlib');
  const png = await picture().png().toBuffer();
  png.writeUInt32BE(60_000, 16);
  png.writeUInt32BE(60_000, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}
