import sharp from 'sharp';
import type { ImageFormat } from './formats.js';

/** The classes of libvips that read each format. */
const LOADERS = {
  jpeg: 'VipsForeignLoadJpeg',
  png: 'VipsForeignLoadPng',
  webp: 'VipsForeignLoadWebp',
  tiff: 'VipsForeignLoadTiff',
  gif: 'VipsForeignLoadNsgif',
  avif: 'VipsForeignLoadHeif',
} as const satisfies Record<ImageFormat, string>;
const SVG_LOADER = 'VipsForeignLoadSvg';

let restricted = false;
let rendering = 0;

/**
 * libvips chooses a loader by a file's content, and SVG is a program: it renders for as long as its filters say, and
 * nothing can stop it. Whatever a peer or a folder hands over, no other loader than those of the known formats runs in
 * this process.
 */
export function restrictLoaders(): void {
  if (restricted) {
    return;
  }
  restricted = true;
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: Object.values(LOADERS) });
  // Each file is decoded once: what libvips would keep for another time is memory that nobody uses.
  sharp.cache(false);
}

/** Pixels with transparency. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

/**
 * Draw an SVG that this program wrote itself. Its loader is open only meanwhile; what `openImage` is given can't reach
 * it even then, as it has to begin like a file of another format.
 */
export async function renderSvg(svg: string): Promise<RgbaImage> {
  restrictLoaders();
  sharp.unblock({ operation: [SVG_LOADER] });
  rendering++;
  try {
    const { data, info } = await sharp(Buffer.from(svg), { limitInputPixels: false })
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } finally {
    rendering--;
    if (rendering === 0) {
      sharp.block({ operation: [SVG_LOADER] });
    }
  }
}
