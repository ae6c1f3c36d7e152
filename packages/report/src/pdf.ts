import { buffer } from 'node:stream/consumers';
import Pdf from 'pdfkit';
import svgToPdfkit from 'svg-to-pdfkit';
import { FONT_NAME, fontFile } from './font.js';

const POINTS_PER_MM = 72 / 25.4;

/**
 * A page of PDF as large as a drawing, with its letters embedded. The same drawing gives the same bytes.
 *
 * @param svg with its width and height in mm, as `renderChart` has them
 */
export async function svgToPdf(svg: string): Promise<Buffer> {
  const { width, height } = sizeOf(svg);
  const document = new Pdf({
    size: [width, height],
    margin: 0,
    // No other is looked for, and none is read from the disk.
    font: '',
    info: { CreationDate: new Date(0), ModDate: new Date(0) },
  });
  document.registerFont(FONT_NAME, fontFile('woff')).font(FONT_NAME);
  svgToPdfkit(document, svg, 0, 0, { width, height, fontCallback: () => FONT_NAME });
  document.end();
  return await buffer(document);
}

/** Points. */
function sizeOf(svg: string): { width: number; height: number } {
  const side = (name: string): number =>
    Number(new RegExp(`<svg [^>]*\\b${name}="([\\d.]+)mm"`).exec(svg)?.[1]) * POINTS_PER_MM;
  return { width: side('width'), height: side('height') };
}
