import { MCS_TABLE, mcsFor, transportBlockBytes, type TransportFormat } from '@semcast/channel-coding';
import { meanPower, type ComplexVector, type RgbImage } from '@semcast/core';
import type { ReceivedSymbols } from '@semcast/phy';
import type { LostReason } from '@semcast/wire';
import type { Size } from './codings.js';
import type { CompressedBlocks } from './compressed-blocks.js';
import { decompress, type DecompressOptions } from './decompress.js';
import { UnfitPictureError } from './errors.js';
import type { DigitalOptions } from './options.js';
import { unpackPayload } from './payload.js';

/** How the bytes of a frame become symbols; both ends find it from the frame's head. */
export interface LinkFormat extends TransportFormat {
  /** Bytes of the transport block; 0 where not one fits. */
  readonly blockBytes: number;
}

/**
 * The fastest MCS for a CSNR, the slowest one below all of them, and the bytes that it brings.
 *
 * @param csnrDb that the link is designed for, in dB
 * @param symbols channel uses of the frame
 */
export function linkFormat(csnrDb: number, symbols: number): LinkFormat {
  const mcs = (mcsFor(csnrDb) ?? MCS_TABLE[0]!).index;
  return { mcs, symbols, blockBytes: transportBlockBytes({ mcs, symbols }) };
}

/** Channel coding, which takes too long for an event loop. */
export interface TransportCoder {
  /** @param block as many bytes as the format says */
  encode(block: Uint8Array, format: LinkFormat): Promise<ComplexVector>;
  /** The block, or null where errors are left in it. */
  decode(received: ReceivedSymbols, format: LinkFormat): Promise<Uint8Array | null>;
}

export interface EncodeTools {
  readonly coder: TransportCoder;
  readonly blocks: CompressedBlocks;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A picture as symbols: the best that fits the transport block, channel-coded.
 *
 * @returns as many symbols as the format says, of unit mean power
 * @throws the signal's reason, or an error of the coder
 */
export async function encodePicture(
  image: RgbImage,
  format: LinkFormat,
  { format: imageFormat, effort }: Pick<DigitalOptions, 'format' | 'effort'>,
  { coder, blocks, signal }: EncodeTools,
): Promise<ComplexVector> {
  const { blockBytes } = format;
  const block = await blocks.blockOf(image, blockBytes, { format: imageFormat, effort, signal });
  return ofUnitPower(blockBytes === 0 ? fillerSymbols(format.symbols) : await coder.encode(block, format));
}

export interface DecodedPicture {
  /** Mid-grey where the picture was lost. */
  readonly image: RgbImage;
  readonly lost?: LostReason;
}

/**
 * A picture from received symbols.
 *
 * @param received y, h and noise variance, in the order in which {@link encodePicture} gave them
 * @throws the signal's reason, or an error of the coder; whatever the sender did is a lost picture
 */
export async function decodePicture(
  received: ReceivedSymbols,
  format: LinkFormat,
  size: Size,
  { coder, ...options }: DecompressOptions & { readonly coder: TransportCoder },
): Promise<DecodedPicture> {
  const block = format.blockBytes === 0 ? new Uint8Array() : await coder.decode(received, format);
  if (block === null) {
    return lost(size, 'block-error');
  }
  const payload = unpackPayload(block);
  if (payload === null || payload === 'broken') {
    return lost(size, payload === null ? 'does-not-fit' : 'undecodable');
  }
  try {
    return { image: await decompress(payload, size, options) };
  } catch (error) {
    if (error instanceof UnfitPictureError) {
      return lost(size, 'undecodable');
    }
    throw error;
  }
}

const MID_GREY = 128;

function lost(size: Size, reason: LostReason): DecodedPicture {
  return { image: greyPicture(size), lost: reason };
}

/** What stands for a picture that was lost. */
export function greyPicture({ width, height }: Size): RgbImage {
  return { width, height, data: new Uint8Array(3 * width * height).fill(MID_GREY) };
}

/** Where not one byte fits, symbols are sent all the same: the frame takes its channel uses. */
function fillerSymbols(count: number): ComplexVector {
  return new Float32Array(2 * count).fill(Math.SQRT1_2);
}

/** QAM symbols have unit power on average; a frame has it exactly, whatever its bits. */
function ofUnitPower(symbols: ComplexVector): ComplexVector {
  const scale = 1 / Math.sqrt(meanPower(symbols));
  return symbols.map((value) => value * scale);
}
