import { constants, crc32, deflateRawSync } from 'node:zlib';

const BLOCK_BYTES = 1024 ** 2;
/** First column and row, and steps, of the seven passes of an interlaced PNG. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const BYTES_A_PIXEL = 6;

/** A black, interlaced PNG of 16 bits a channel, of any size: a small file, made without its pixels in memory. */
export function blankPng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([16, 2, 0, 0, 1], 8);
  const bytes = PASSES.reduce((sum, [x, y, dx, dy]) => {
    const columns = Math.ceil((width - x) / dx);
    return sum + Math.ceil((height - y) / dy) * (columns === 0 ? 0 : 1 + BYTES_A_PIXEL * columns);
  }, 0);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', zeros(bytes)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A zlib stream of so many zero bytes: one compressed block, again and again. */
function zeros(bytes: number): Buffer {
  const deflated = (length: number): Buffer =>
    deflateRawSync(Buffer.alloc(length), { finishFlush: constants.Z_FULL_FLUSH });
  const block = deflated(BLOCK_BYTES);
  const check = Buffer.alloc(4);
  // Adler-32 of zeros: the sum stays 1, and the sum of sums counts the bytes.
  check.writeUInt32BE(((bytes % 65_521) * 65_536 + 1) >>> 0, 0);
  return Buffer.concat([
    Buffer.from([0x78, 0x01]),
    ...Array.from({ length: Math.floor(bytes / BLOCK_BYTES) }, () => block),
    deflated(bytes % BLOCK_BYTES),
    // An empty last block.
    Buffer.from([0x03, 0x00]),
    check,
  ]);
}
