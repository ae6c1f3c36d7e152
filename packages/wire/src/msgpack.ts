/**
 * Heads as MessagePack: what msgpackr writes and reads, behind a scan that makes foreign bytes harmless.
 *
 * msgpackr is made for trusted data: it knows extensions (regular expressions, dates, typed arrays, references),
 * allocates arrays by their announced length, and recurses as deep as it is told. The scan walks the bytes once
 * without allocating, and lets through only what JSON could say, with maps and arrays that fit into the bytes that
 * are there and at most {@link MAX_HEAD_DEPTH} levels.
 */
import { Packr, Unpackr } from 'msgpackr';

/** How deep maps and arrays may nest in a head. */
export const MAX_HEAD_DEPTH = 8;

/** Reserve this many bytes before a packed value: the longest prefix with the longest padding. */
const RESERVE_START_SPACE = 2048;

// `skipValues` is documented, but missing from msgpackr's types. It leaves out optional fields that are undefined.
const packr = new Packr({ useRecords: false, skipValues: [undefined] } as ConstructorParameters<typeof Packr>[0]);
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** A value as MessagePack, with `reserve` (at most 255) unwritten bytes before it. */
export function packAfter(value: object, reserve: number): Uint8Array {
  return packr.pack(value, RESERVE_START_SPACE + reserve);
}

/** A problem that a scan found; its message ends up in that of `E_FRAME_HEAD`. */
export class MsgpackProblem extends Error {
  override readonly name = 'MsgpackProblem';
}

/**
 * The one value in `bytes`.
 *
 * @throws MsgpackProblem when the bytes are not exactly one value of maps, arrays, strings, numbers, booleans, nil.
 */
export function unpackScanned(bytes: Uint8Array): unknown {
  const end = scan(bytes, 0, 0);
  if (end !== bytes.length) {
    throw new MsgpackProblem(`${bytes.length - end} bytes follow the head's value`);
  }
  return unpackr.unpack(bytes);
}

function scan(bytes: Uint8Array, at: number, depth: number): number {
  const token = bytes[at];
  if (token === undefined) {
    throw new MsgpackProblem('the MessagePack value ends too early');
  }
  if (token < 0x80 || token >= 0xe0) {
    return at + 1;
  }
  if (token < 0x90) {
    return scanItems(bytes, at + 1, token & 0x0f, true, depth);
  }
  if (token < 0xa0) {
    return scanItems(bytes, at + 1, token & 0x0f, false, depth);
  }
  if (token < 0xc0) {
    return skip(bytes, at + 1, token & 0x1f);
  }
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return at + 1;
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return skip(bytes, at + 1, 1);
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return skip(bytes, at + 1, 2);
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
      return skip(bytes, at + 1, 4);
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return skip(bytes, at + 1, 8);
    case 0xd9: // str 8
      return skip(bytes, at + 2, lengthAt(bytes, at + 1, 1));
    case 0xda: // str 16
      return skip(bytes, at + 3, lengthAt(bytes, at + 1, 2));
    case 0xdb: // str 32
      return skip(bytes, at + 5, lengthAt(bytes, at + 1, 4));
    case 0xdc: // array 16
      return scanItems(bytes, at + 3, lengthAt(bytes, at + 1, 2), false, depth);
    case 0xdd: // array 32
      return scanItems(bytes, at + 5, lengthAt(bytes, at + 1, 4), false, depth);
    case 0xde: // map 16
      return scanItems(bytes, at + 3, lengthAt(bytes, at + 1, 2), true, depth);
    case 0xdf: // map 32
      return scanItems(bytes, at + 5, lengthAt(bytes, at + 1, 4), true, depth);
    default:
      throw new MsgpackProblem(`MessagePack type 0x${token.toString(16)} has no place in a head`);
  }
}

function scanItems(bytes: Uint8Array, from: number, count: number, pairs: boolean, depth: number): number {
  if (depth >= MAX_HEAD_DEPTH) {
    throw new MsgpackProblem(`the head nests deeper than ${MAX_HEAD_DEPTH} levels`);
  }
  // Every item has at least one byte, so this alone bounds the work and what msgpackr allocates.
  if (count * (pairs ? 2 : 1) > bytes.length - from) {
    throw new MsgpackProblem('the MessagePack value ends too early');
  }
  let at = from;
  for (let i = 0; i < count; i++) {
    if (pairs) {
      const token = bytes[at] ?? 0;
      if (!((token >= 0xa0 && token < 0xc0) || (token >= 0xd9 && token <= 0xdb))) {
        throw new MsgpackProblem('a key of a map is no string');
      }
      at = scan(bytes, at, depth + 1);
    }
    at = scan(bytes, at, depth + 1);
  }
  return at;
}

function lengthAt(bytes: Uint8Array, at: number, width: 1 | 2 | 4): number {
  skip(bytes, at, width);
  let length = 0;
  for (let i = 0; i < width; i++) {
    length = length * 256 + bytes[at + i]!;
  }
  return length;
}

function skip(bytes: Uint8Array, at: number, length: number): number {
  if (length > bytes.length - at) {
    throw new MsgpackProblem('the MessagePack value ends too early');
  }
  return at + length;
}
