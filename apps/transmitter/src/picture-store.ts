import type { RgbImage } from '@semcast/core';
import type { ResultFormat, ResultStage } from '@semcast/wire';
import sharp from 'sharp';
import type { CompletedFrame, FrameOutcome, PreviewedFrame, SentFrame } from './outcome.js';

/** The stages of a frame that have a picture, in the order in which they come; `digital` is that of its companion. */
export const PICTURE_STAGES = ['original', 'preview', 'intermediate', 'final', 'digital'] as const satisfies readonly (
  | ResultStage
  | 'original'
  | 'digital'
)[];
export type PictureStage = (typeof PICTURE_STAGES)[number];

/** A picture as a file's bytes, which a browser can show. */
export interface ShownPicture {
  readonly format: Exclude<ResultFormat, 'raw'>;
  readonly bytes: Uint8Array;
}

/** A frame in the store; everything here is JSON. */
export interface StoredFrame {
  readonly frame: number;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly decoder: string;
  readonly state: 'under-way' | FrameOutcome['kind'];
  /** The stages whose picture is there, each with the sampler steps behind it. */
  readonly pictures: readonly { readonly stage: PictureStage; readonly steps: number }[];
}

export interface PictureStoreOptions {
  /** Frames that stay after they have ended, beside those under way; 0: nothing is kept at all. */
  readonly ended: number;
  /** Bytes of all pictures together. */
  readonly maxBytes: number;
}

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  format: ResultFormat;
  bytes: Uint8Array;
  /** The encoding of raw pixels as PNG, once it was requested. */
  encoding?: Promise<void>;
}

interface Entry {
  readonly sent: SentFrame;
  state: StoredFrame['state'];
  readonly pictures: Map<PictureStage, Picture>;
}

/**
 * The pictures of the newest frames for viewers: the original, and the newest preview, intermediate and final picture.
 * It costs only a copy of the original until a picture is requested.
 *
 * Bounded in bytes: when they don't suffice, frames that have ended go first, the oldest before all others; a picture
 * that is too large by itself isn't taken.
 */
export class PictureStore {
  readonly #options: PictureStoreOptions;
  /** In the order of sending. */
  readonly #entries = new Map<number, Entry>();
  #bytes = 0;

  constructor(options: PictureStoreOptions) {
    this.#options = options;
  }

  /** Bytes of all pictures. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Frames with their pictures, the one that was sent last at the end. */
  list(): readonly StoredFrame[] {
    return [...this.#entries.values()].map(({ sent, state, pictures }) => ({
      frame: sent.frame,
      name: sent.name,
      width: sent.width,
      height: sent.height,
      decoder: sent.decoder,
      state,
      pictures: PICTURE_STAGES.flatMap((stage) => {
        const picture = pictures.get(stage);
        return picture === undefined ? [] : [{ stage, steps: picture.steps }];
      }),
    }));
  }

  /** A frame is on its way. The pixels are copied: their owner hands them on. */
  begin(sent: SentFrame, original: RgbImage): void {
    if (this.#options.ended === 0) {
      return;
    }
    this.#remove(sent.frame);
    this.#entries.set(sent.frame, { sent, state: 'under-way', pictures: new Map() });
    const { width, height, data } = original;
    if (data.length <= this.#options.maxBytes) {
      this.#put(sent.frame, 'original', { width, height, steps: 0, format: 'raw', bytes: data.slice() });
    }
  }

  /** A preview or an intermediate picture came; it takes the place of an earlier one of its stage. */
  addPreview({ frame, stage, width, height, steps, format, bytes }: PreviewedFrame): void {
    this.#put(frame, stage, { width, height, steps, format, bytes });
  }

  /** The companion of a frame came back. */
  addCompanion({ frame, width, height, steps, imageFormat: format, received: bytes }: CompletedFrame): void {
    this.#put(frame, 'digital', { width, height, steps, format, bytes });
  }

  /** A frame came to its end. */
  end(outcome: FrameOutcome): void {
    const entry = this.#entries.get(outcome.frame);
    if (entry === undefined) {
      return;
    }
    entry.state = outcome.kind;
    if (outcome.kind === 'completed') {
      const { frame, width, height, steps, imageFormat: format, received: bytes } = outcome;
      this.#put(frame, 'final', { width, height, steps, format, bytes });
    }
    const ended = [...this.#entries.values()].filter(({ state }) => state !== 'under-way');
    for (const { sent } of ended.slice(0, Math.max(0, ended.length - this.#options.ended))) {
      this.#remove(sent.frame);
    }
  }

  /** A picture's file, made of raw pixels where that is what came; undefined when it isn't there (any more). */
  async read(frame: number, stage: PictureStage): Promise<ShownPicture | undefined> {
    const picture = this.#entries.get(frame)?.pictures.get(stage);
    if (picture === undefined) {
      return undefined;
    }
    if (picture.format === 'raw') {
      // Two requests at a time share one encoding.
      picture.encoding ??= this.#toPng(frame, stage, picture);
      await picture.encoding;
    }
    return { format: picture.format as ShownPicture['format'], bytes: picture.bytes };
  }

  async #toPng(frame: number, stage: PictureStage, picture: Picture): Promise<void> {
    const { width, height, bytes: raw } = picture;
    const png = await sharp(raw, { raw: { width, height, channels: 3 } })
      .png({ compressionLevel: 3 })
      .toBuffer();
    if (this.#entries.get(frame)?.pictures.get(stage) === picture) {
      this.#bytes += png.length - raw.length;
    }
    picture.format = 'png';
    picture.bytes = png;
  }

  #put(frame: number, stage: PictureStage, picture: Picture): void {
    const entry = this.#entries.get(frame);
    if (entry === undefined) {
      return;
    }
    this.#bytes -= entry.pictures.get(stage)?.bytes.length ?? 0;
    entry.pictures.delete(stage);
    if (picture.bytes.length > this.#options.maxBytes) {
      return;
    }
    entry.pictures.set(stage, picture);
    this.#bytes += picture.bytes.length;
    this.#makeRoom(frame);
  }

  /** Remove frames until the bytes suffice; the newcomer's own last of all. */
  #makeRoom(newcomer: number): void {
    const others = [...this.#entries.values()].filter(({ sent }) => sent.frame !== newcomer);
    for (const { sent } of others.sort((a, b) => rankOf(a) - rankOf(b))) {
      if (this.#bytes <= this.#options.maxBytes) {
        return;
      }
      this.#remove(sent.frame);
    }
    // Where its own pictures alone exceed the limit, the least useful stage goes first.
    const { pictures } = this.#entries.get(newcomer)!;
    for (const stage of ['digital', 'intermediate', 'original', 'preview'] as const) {
      if (this.#bytes > this.#options.maxBytes) {
        this.#bytes -= pictures.get(stage)?.bytes.length ?? 0;
        pictures.delete(stage);
      }
    }
  }

  #remove(frame: number): void {
    const entry = this.#entries.get(frame);
    for (const { bytes } of entry?.pictures.values() ?? []) {
      this.#bytes -= bytes.length;
    }
    this.#entries.delete(frame);
  }
}

/** Frames that have ended go before those under way. */
const rankOf = ({ state }: Entry): number => Number(state === 'under-way');
