/**
 * AVIF without its container. libheif writes 242 bytes of boxes around the coded picture, all of which follow from its
 * size and chroma format, which a receiver knows: at CBR 1/48 and 0 dB they would be most of what a 256 × 256 picture
 * may have. What is sent are the AV1 OBUs alone, and the receiver puts the same boxes around them again.
 */
import { UnfitPictureError } from './errors.js';

export interface AvifShape {
  readonly width: number;
  readonly height: number;
  /** Chroma at half the resolution in both directions (4:2:0), or at the full one (4:4:4). */
  readonly subsampled: boolean;
}

/** An OBU header of that type with a size field: obu_type in bits 3 … 6, obu_has_size_field in bit 1 (AV1, 5.3.2). */
const obuHeader = (type: number): number => (type << 3) | 2;
const SEQUENCE_HEADER = obuHeader(1);
const TEMPORAL_DELIMITER = obuHeader(2);

/**
 * The AV1 OBUs of an AVIF file of one picture: the contents of its `mdat`, without the temporal delimiter.
 *
 * @throws UnfitPictureError when there is no `mdat`
 */
export function stripAvif(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at + 8 <= file.length;) {
    const size = view.getUint32(at);
    if (latin1(file.subarray(at + 4, at + 8)) === 'mdat') {
      const obus = file.subarray(at + 8, at + size);
      return obus[0] === TEMPORAL_DELIMITER ? obus.subarray(2) : obus;
    }
    at += Math.max(8, size);
  }
  throw new UnfitPictureError('the AVIF file has no mdat');
}

/**
 * An AVIF file around AV1 OBUs, as a decoder takes it.
 *
 * @throws UnfitPictureError when they aren't those of one still picture of that size, so that no decoder allocates more
 */
export function wrapAvif(obus: Uint8Array, shape: AvifShape): Uint8Array {
  checkSequence(obus, shape);
  const { width, height, subsampled } = shape;
  const fileType = box('ftyp', text('avif'), u32(0), text('mif1avifmiaf'));
  const properties = box(
    'iprp',
    box(
      'ipco',
      // Version 1; profile 0 has 4:2:0, profile 1 has 4:4:4; 8 bits.
      box('av1C', subsampled ? [0x81, 0x00, 0x0c, 0x00] : [0x81, 0x20, 0x00, 0x00]),
      box('ispe', u32(0), u32(width), u32(height)),
      box('pixi', u32(0), [3, 8, 8, 8]),
    ),
    // Item 1 has properties 1 (essential), 2 and 3.
    box('ipma', u32(0), u32(1), u16(1), [3, 0x81, 2, 3]),
  );
  const metaAt = (offset: number): Uint8Array =>
    box(
      'meta',
      u32(0),
      box('hdlr', u32(0), u32(0), text('pict'), u32(0), u32(0), u32(0), [0]),
      box('pitm', u32(0), u16(1)),
      // Offsets and lengths of 4 bytes; one item of one extent.
      box('iloc', u32(0), [0x44, 0x00], u16(1), u16(1), u16(0), u16(1), u32(offset), u32(obus.length)),
      box('iinf', u32(0), u16(1), box('infe', u32(0x02000000), u16(1), u16(0), text('av01'), [0])),
      properties,
    );
  const offset = fileType.length + metaAt(0).length + 8;
  return joined(fileType, metaAt(offset), box('mdat', obus));
}

/**
 * The sequence header has to come first, and be that of one still picture with the size that was announced: with
 * `reduced_still_picture_header` no frame can say another size (AV1, 5.5.1 and 5.9.2).
 */
function checkSequence(obus: Uint8Array, { width, height, subsampled }: AvifShape): void {
  if (obus[0] !== SEQUENCE_HEADER) {
    throw new UnfitPictureError('the picture is no AV1 still picture');
  }
  // Behind the OBU's header and its size, which has one byte in any header that fits.
  const bits = new BitReader(obus.subarray(2));
  const profile = bits.read(3);
  const isStill = bits.read(2) === 3;
  bits.read(5);
  const [widthBits, heightBits] = [bits.read(4) + 1, bits.read(4) + 1];
  const [codedWidth, codedHeight] = [bits.read(widthBits) + 1, bits.read(heightBits) + 1];
  if (!isStill || profile !== (subsampled ? 0 : 1) || codedWidth !== width || codedHeight !== height) {
    throw new UnfitPictureError(
      `the AV1 picture is one of ${codedWidth} × ${codedHeight}, profile ${profile}, and should be of ${width} × ${height}`,
    );
  }
}

class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next bits, the most significant first; zeros behind the end. */
  read(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++, this.#at++) {
      value = 2 * value + (((this.#bytes[this.#at >> 3] ?? 0) >> (7 - (this.#at & 7))) & 1);
    }
    return value;
  }
}

type Part = Uint8Array | readonly number[];

function box(type: string, ...parts: readonly Part[]): Uint8Array {
  const body = joined(...parts);
  return joined(u32(8 + body.length), text(type), body);
}

function joined(...parts: readonly Part[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const u16 = (value: number): number[] => [value >> 8, value & 255];
const u32 = (value: number): number[] => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
