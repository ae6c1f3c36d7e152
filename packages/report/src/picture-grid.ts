import { FONT_FAMILY } from './font.js';
import { htmlText } from './page.js';

/** One picture: the whole, and two squares from it, in PNG as base64. */
export interface GridPicture {
  /** Drawn as wide as a cell. */
  readonly whole: string;
  /** {@link CROP} pixels of each side, a pixel a pixel where the drawing is shown at its own size. */
  readonly crop: string;
  /** The middle third of that, each pixel three. */
  readonly enlarged: string;
  readonly caption: string;
}

export interface PictureGrid {
  readonly caption: string;
  readonly columns: readonly string[];
  /** Null where a picture is missing. */
  readonly rows: readonly (readonly (GridPicture | null)[])[];
  /** Width and height of the pictures, of which the first crop is the middle. */
  readonly width: number;
  readonly height: number;
}

/** Sides of the crops as they are drawn. */
export const CROP = 96;
/** How much larger the second crop is drawn. */
export const ENLARGEMENT = 3;

const GAP = 4;
const CELL = 2 * CROP + GAP;
const HEADING = 18;
const CAPTION = 16;
const FONT_SIZE = 12;
/** Both columns of a journal's page. */
const PAGE_WIDTH_MM = 174;

const image = (data: string, x: number, y: number, w: number, h: number): string =>
  `<image x="${x}" y="${y}" width="${w}" height="${h}" href="data:image/png;base64,${data}"/>`;
const text = (words: string, x: number, y: number): string => `<text x="${x}" y="${y}">${htmlText(words)}</text>`;

/** Pictures side by side: the whole with its crops marked, below it the crops at 1:1 and at 3×. */
export function renderPictureGrid({ caption, columns, rows, width, height }: PictureGrid): string {
  const wholeHeight = Math.round((CELL * height) / width);
  const rowHeight = wholeHeight + GAP + CROP + CAPTION + 2 * GAP;
  const total = { width: columns.length * (CELL + 2 * GAP) - 2 * GAP, height: HEADING + rows.length * rowHeight };
  const frame = (x: number, y: number, side: number): string => {
    const scale = CELL / width;
    const [left, top] = [x + (CELL - side * scale) / 2, y + (wholeHeight - side * scale) / 2];
    return `<rect x="${left}" y="${top}" width="${side * scale}" height="${side * scale}" fill="none" stroke="#fff" stroke-opacity="0.8"/>`;
  };
  const cells = rows.flatMap((row, i) =>
    row.flatMap((picture, j) => {
      const [x, y] = [j * (CELL + 2 * GAP), HEADING + i * rowHeight];
      const below = y + wholeHeight + GAP;
      return picture === null
        ? []
        : [
            image(picture.whole, x, y, CELL, wholeHeight),
            frame(x, y, Math.min(CROP, width, height)),
            frame(x, y, Math.min(CROP, width, height) / ENLARGEMENT),
            image(picture.crop, x, below, CROP, CROP),
            image(picture.enlarged, x + CROP + GAP, below, CROP, CROP),
            text(picture.caption, x, below + CROP + CAPTION - GAP),
          ];
    }),
  );
  const scale = Math.min(1, PAGE_WIDTH_MM / total.width);
  return [
    `<svg width="${total.width * scale}mm" height="${total.height * scale}mm" viewBox="0 0 ${total.width} ${total.height}"`,
    ` font-family="${htmlText(FONT_FAMILY)}" font-size="${FONT_SIZE}" fill="currentColor" role="img" aria-label="${htmlText(caption)}">`,
    ...columns.map((title, j) => text(title, j * (CELL + 2 * GAP), FONT_SIZE)),
    ...cells,
    '</svg>',
  ].join('');
}
