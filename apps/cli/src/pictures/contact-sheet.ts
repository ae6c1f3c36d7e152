import type { RgbImage } from '@semcast/core';
import { renderSvg } from '@semcast/images';
import sharp, { type OverlayOptions } from 'sharp';

/** The heading of a column: two short lines. */
export interface SheetColumn {
  readonly title: string;
  readonly subtitle: string;
}

export interface SheetCell {
  /** Drawn at 1:1, a pixel a pixel. */
  readonly image: RgbImage;
  /** Below the picture. */
  readonly caption: string;
}

export interface ContactSheet {
  readonly title: string;
  readonly columns: readonly SheetColumn[];
  /** One a photograph; null where a picture is missing. */
  readonly rows: readonly (readonly (SheetCell | null)[])[];
  /** Largest width and height of the pictures. */
  readonly cell: { readonly width: number; readonly height: number };
}

const MARGIN = 12;
const GAP = 8;
const TITLE_HEIGHT = 30;
const HEADING_HEIGHT = 40;
const CAPTION_HEIGHT = 22;
/** Narrower columns would cut their headings. */
const MIN_COLUMN_WIDTH = 104;
const FONT = "font-family=\"'DejaVu Sans', 'Liberation Sans', Helvetica, Arial, sans-serif\"";

interface SheetSize {
  readonly width: number;
  readonly height: number;
}

const columnWidth = (cell: SheetSize): number => Math.max(cell.width, MIN_COLUMN_WIDTH);

/** Pixels of a sheet before anything is drawn. */
export function sheetSize(columns: number, rows: number, cell: SheetSize): SheetSize {
  return {
    width: 2 * MARGIN + columns * columnWidth(cell) + (columns - 1) * GAP,
    height: MARGIN + TITLE_HEIGHT + HEADING_HEIGHT + rows * (cell.height + CAPTION_HEIGHT) + MARGIN,
  };
}

function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character]!);
}

interface TextStyle {
  readonly size: number;
  readonly bold?: boolean;
  readonly colour?: string;
}

function textAt(x: number, y: number, text: string, { size, bold = false, colour = '#222' }: TextStyle): string {
  const weight = bold ? ' font-weight="bold"' : '';
  return `<text x="${x}" y="${y}" ${FONT} font-size="${size}"${weight} fill="${colour}">${escapeXml(text)}</text>`;
}

/** Pictures side by side, a row a photograph, with what they are written around them: a PNG. */
export async function drawContactSheet({ title, columns, rows, cell }: ContactSheet): Promise<Buffer> {
  const { width, height } = sheetSize(columns.length, rows.length, cell);
  const left = (column: number): number => MARGIN + column * (columnWidth(cell) + GAP);
  const headings = MARGIN + TITLE_HEIGHT;
  const top = (row: number): number => headings + HEADING_HEIGHT + row * (cell.height + CAPTION_HEIGHT);
  const texts = [textAt(MARGIN, MARGIN + 16, title, { size: 15, bold: true })];
  for (const [i, { title: name, subtitle }] of columns.entries()) {
    texts.push(textAt(left(i), headings + 14, name, { size: 13, bold: true }));
    texts.push(textAt(left(i), headings + 31, subtitle, { size: 12, colour: '#666' }));
  }
  const layers: OverlayOptions[] = [];
  for (const [rowIndex, row] of rows.entries()) {
    for (const [columnIndex, entry] of row.entries()) {
      const [x, y] = [left(columnIndex), top(rowIndex)];
      if (entry === null) {
        texts.push(textAt(x, y + 20, 'missing', { size: 12, colour: '#a00' }));
        continue;
      }
      const { image, caption } = entry;
      layers.push({
        input: Buffer.from(image.data.buffer, image.data.byteOffset, image.data.byteLength),
        raw: { width: image.width, height: image.height, channels: 3 },
        left: x,
        top: y,
      });
      texts.push(textAt(x, y + cell.height + 15, caption, { size: 12 }));
    }
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${texts.join('')}</svg>`;
  const { data: input, ...drawn } = await renderSvg(svg);
  return await sharp({
    create: { width, height, channels: 3, background: '#ffffff' },
    limitInputPixels: false,
  })
    .composite([...layers, { input, raw: { ...drawn, channels: 4 }, left: 0, top: 0 }])
    // The layer of texts brought one.
    .removeAlpha()
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/** Whether this machine has a font that labels can be drawn with. */
export async function hasFont(): Promise<boolean> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">${textAt(4, 30, 'M', { size: 28 })}</svg>`;
  const { data } = await renderSvg(svg);
  return data.some((alpha, i) => i % 4 === 3 && alpha > 128);
}

/** The middle of a picture, at most `side` pixels wide and high. */
export function cropCentre({ width, height, data }: RgbImage, side: number): RgbImage {
  const [w, h] = [Math.min(side, width), Math.min(side, height)];
  const [x, y] = [Math.floor((width - w) / 2), Math.floor((height - h) / 2)];
  const cropped = new Uint8Array(3 * w * h);
  for (let row = 0; row < h; row++) {
    const from = 3 * ((y + row) * width + x);
    cropped.set(data.subarray(from, from + 3 * w), 3 * w * row);
  }
  return { width: w, height: h, data: cropped };
}
