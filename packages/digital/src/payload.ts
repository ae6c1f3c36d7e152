/**
 * What a transport block carries: a byte that says how the picture is compressed, the length of what follows in groups
 * of 7 bits (LEB128), the bytes of the image, and zeros up to the block's end.
 *
 * The byte: the number of the coding plus 1 in its low half, 0 for no picture; in its high half the number of times that
 * the sides were halved. The size of the picture is in the frame's head, as it is for every codec.
 */

export interface PicturePayload {
  /** Number of the coding. */
  readonly coding: number;
  /** Times that the sides were halved, 0 … 15. */
  readonly halvings: number;
  readonly bytes: Uint8Array;
}

/** The most halvings that a payload can say. */
export const MAX_HALVINGS = 15;

/** Bytes of image data that fit a block of so many bytes; 0 where there is no place for any. */
export function roomIn(blockBytes: number): number {
  let room = Math.max(0, blockBytes - 2);
  while (room > 0 && 1 + lebBytes(room) + room > blockBytes) {
    room--;
  }
  return room;
}

/** A block of exactly that size; all zeros where there is no picture. The image must fit, see {@link roomIn}. */
export function packPayload(picture: PicturePayload | null, blockBytes: number): Uint8Array {
  const block = new Uint8Array(blockBytes);
  if (picture !== null) {
    block[0] = (picture.halvings << 4) | (picture.coding + 1);
    let at = 1;
    let rest = picture.bytes.length;
    for (; rest >= 128; rest = Math.floor(rest / 128)) {
      block[at++] = 128 | (rest % 128);
    }
    block[at++] = rest;
    block.set(picture.bytes, at);
  }
  return block;
}

/** The reverse; null where the block holds no picture, `broken` where it can't be one of {@link packPayload}. */
export function unpackPayload(block: Uint8Array): PicturePayload | null | 'broken' {
  const kind = block[0] ?? 0;
  if (kind === 0) {
    return null;
  }
  let length = 0;
  let at = 1;
  for (let weight = 1; ; weight *= 128) {
    const group = block[at++];
    if (group === undefined || at > MAX_LEB_BYTES + 1) {
      return 'broken';
    }
    length += weight * (group & 127);
    if (group < 128) {
      break;
    }
  }
  const coding = (kind & 15) - 1;
  return coding < 0 || length > block.length - at
    ? 'broken'
    : { coding, halvings: kind >> 4, bytes: block.subarray(at, at + length) };
}

const MAX_LEB_BYTES = 5;

function lebBytes(value: number): number {
  return value < 128 ? 1 : 1 + lebBytes(Math.floor(value / 128));
}
