import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import Pdf from 'pdfkit';

/** Widths of Arial and Helvetica, and a licence that lets it be embedded (OFL 1.1): publishers ask for embedded fonts. */
export const FONT_NAME = 'Arimo';
/** Where Arimo isn't installed, these have its widths. */
export const FONT_FAMILY = `${FONT_NAME}, Arial, Helvetica, 'Liberation Sans', sans-serif`;

const require = createRequire(import.meta.url);

/** Its Latin letters, arrows and minus. */
export function fontFile(format: 'woff' | 'woff2', weight: 400 | 700 = 400): Buffer {
  return readFileSync(require.resolve(`@fontsource/arimo/files/arimo-latin-${weight}-normal.${format}`));
}

let measuring: PDFKit.PDFDocument | undefined;

/** Width of a line of text, in the unit of `size`. */
export function textWidth(text: string, size: number): number {
  measuring ??= new Pdf({ font: '' }).registerFont(FONT_NAME, fontFile('woff')).font(FONT_NAME);
  return measuring.fontSize(size).widthOfString(text);
}
