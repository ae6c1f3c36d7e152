/**
 * Messages that are nearly right: the golden vectors, with bytes changed, cut, doubled and spliced, most of them under a
 * checksum that is right again, so that what lies behind it is reached.
 *
 * `SEMCAST_FUZZ_RUNS=1000000` in the environment tries more of them.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { randomFor, type RandomSource } from '@semcast/core';
import { expect, it } from 'vitest';
import { crc32 } from './crc.js';
import { FrameError } from './errors.js';
import { decodeFrame, encodeFrame } from './frame.js';

const RUNS = Number(process.env['SEMCAST_FUZZ_RUNS'] ?? 10_000);
const PREFIX_BYTES = 16;
/** Where a head is looked at: MessagePack's type bytes, and lengths that don't fit. */
const ODD_BYTES = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc7, 0xca, 0xcb, 0xcf, 0xd3, 0xd9, 0xdb,
];
const ODD_TAILS = [0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff];

const corpus = (
  JSON.parse(readFileSync(new URL('../test/golden-vectors.json', import.meta.url), 'utf8')) as { message: string }[]
).map(({ message }) => Buffer.from(message, 'hex'));

function mutate(random: RandomSource): Buffer {
  const below = (count: number): number => Math.floor(count * random.uniform());
  const oneOf = <T>(values: readonly T[]): T => values[below(values.length)]!;
  let bytes = Buffer.from(oneOf(corpus));
  const changes = 1 + below(4);
  for (let i = 0; i < changes; i++) {
    const at = below(bytes.length);
    const part = bytes.subarray(at, at + 1 + below(24));
    switch (below(7)) {
      case 0:
        bytes[at]! ^= 1 << below(8);
        break;
      case 1:
        bytes[at] = oneOf([...ODD_BYTES, ...ODD_TAILS]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + part.length)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), oneOf(corpus).subarray(below(40))]);
        break;
      case 5:
        bytes[at] = below(256);
        break;
      default:
        // One of the two lengths.
        if (bytes.length >= PREFIX_BYTES) {
          bytes.writeUInt32LE(oneOf([0, 8, 65_536, 2 ** 31, 2 ** 32 - 1, below(4096)]), oneOf([4, 8]));
        }
    }
  }
  if (bytes.length >= PREFIX_BYTES && random.uniform() < 0.9) {
    if (random.uniform() < 0.7) {
      // Lengths that are those of the message, so that its head is read.
      const payload = 8 * below(Math.max(1, (bytes.length - PREFIX_BYTES) / 8));
      bytes.writeUInt32LE(bytes.length - PREFIX_BYTES - payload, 4);
      bytes.writeUInt32LE(payload, 8);
    }
    bytes.writeUInt32LE(crc32(bytes.subarray(PREFIX_BYTES), crc32(bytes.subarray(0, 12))), 12);
  }
  return bytes;
}

it(`${RUNS} messages that are nearly right are refused by name, or valid`, { timeout: 3_600_000 }, () => {
  const random = randomFor({ seed: 1, stream: 'fuzz', frame: 0, purpose: 'messages' });
  const codes: Record<string, number> = {};
  let valid = 0;
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutate(random);
    const what = (): string => `run ${run}: ${bytes.toString('hex')}`;
    let decoded;
    try {
      decoded = decodeFrame(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) {
        throw new Error(what(), { cause: error });
      }
      const { code } = error;
      codes[code] = (codes[code] ?? 0) + 1;
      continue;
    }
    valid++;
    if (!isDeepStrictEqual(decodeFrame(encodeFrame(decoded.kind, decoded.head, decoded.payload)), decoded)) {
      throw new Error(what());
    }
  }
  process.stdout.write(`${JSON.stringify({ runs: RUNS, valid, ...codes })}\n`);
  // Each way to be wrong was met, and some changes are none.
  expect(valid).toBeGreaterThan(0);
  expect(Object.keys(codes)).toEqual(expect.arrayContaining(['E_FRAME_CHECKSUM', 'E_FRAME_HEAD', 'E_FRAME_TRUNCATED']));
});
