import { existsSync, statSync } from 'node:fs';
import { basename, join, parse } from 'node:path';
import type { RgbImage } from '@semcast/core';
import { CROP, ENLARGEMENT, type GridPicture, type PictureGrid } from '@semcast/report';
import { readPhoto } from '@semcast/transmitter';
import sharp, { type Sharp } from 'sharp';
import { cropCentre } from '../pictures/contact-sheet.js';
import { readPicture } from '../pictures/read-picture.js';
import { figure } from '../up/frame-columns.js';
import type { Cell, Dataset, ReportSource } from './dataset.js';

/** A grid shows the first photographs: nobody has chosen them. */
const PHOTOGRAPHS = 3;
/** Pictures are a tenth of a megabyte each. */
const MAX_GRIDS = 8;

export interface NamedGrid {
  readonly name: string;
  readonly grid: PictureGrid;
}

/** A grid for each SNR and rate whose pictures a sweep has kept (`--out`): the original, where it still is, then each decoder. */
export async function pictureGrids(data: Dataset, sources: readonly ReportSource[]): Promise<NamedGrid[]> {
  const found: NamedGrid[] = [];
  for (const snrDb of data.snrsDb) {
    for (const cbr of data.cbrs) {
      const kept = data.cells
        .filter((cell) => cell.snrDb === snrDb && cell.cbr === cbr)
        .filter(({ rows }) => rows.some(({ output }) => output !== null && existsSync(output)));
      if (kept.length === 0 || found.length === MAX_GRIDS) {
        continue;
      }
      const names = [...new Set(kept.flatMap(({ rows }) => rows.map(({ image }) => image)))].slice(0, PHOTOGRAPHS);
      const rows: (GridPicture | null)[][] = [];
      for (const name of names) {
        const line = [await originalOf(name, sources)];
        for (const cell of kept) {
          line.push(await decodedOf(name, cell));
        }
        rows.push(line);
      }
      const { width, height } = kept[0]!.rows[0]!;
      found.push({
        name: `pictures-snr${snrDb}dB-cbr${cbr.replace('/', '_')}`,
        grid: {
          caption:
            `CSNR ${snrDb} dB, CBR ${cbr}: whole pictures, and crops from their middle at 1:1 and at ${ENLARGEMENT}×. ` +
            'The first photographs, not chosen; PSNR below each.',
          columns: ['original', ...kept.map(({ series }) => series.label)],
          rows,
          width,
          height,
        },
      });
    }
  }
  return found;
}

async function originalOf(name: string, sources: readonly ReportSource[]): Promise<GridPicture | null> {
  for (const { report } of sources) {
    const root = report.provenance?.paths.images;
    if (root === undefined || !existsSync(root) || !report.conditions.images.includes(name)) {
      continue;
    }
    const file = statSync(root).isDirectory() ? join(root, name) : root;
    if (existsSync(file)) {
      const { size } = report.conditions;
      return await toGridPicture(
        await readPhoto(file, { size, maxImagePixels: Number.MAX_SAFE_INTEGER }),
        parse(basename(file)).name,
      );
    }
  }
  return null;
}

async function decodedOf(name: string, { rows }: Cell): Promise<GridPicture | null> {
  const row = rows.find(({ image, output }) => image === name && output !== null && existsSync(output));
  return row === undefined ? null : await toGridPicture(await readPicture(row.output!), `${figure(row.psnrDb, 2)} dB`);
}

async function toGridPicture(image: RgbImage, caption: string): Promise<GridPicture> {
  const crop = cropCentre(image, CROP);
  const enlarged = sharp(cropCentre(image, CROP / ENLARGEMENT).data, {
    raw: {
      width: Math.min(CROP / ENLARGEMENT, image.width),
      height: Math.min(CROP / ENLARGEMENT, image.height),
      channels: 3,
    },
  }).resize(CROP, CROP, { kernel: 'nearest', fit: 'fill' });
  return { whole: await toPng(image), crop: await toPng(crop), enlarged: await base64(enlarged), caption };
}

async function toPng({ width, height, data }: RgbImage): Promise<string> {
  return await base64(sharp(data, { raw: { width, height, channels: 3 } }));
}

const base64 = async (image: Sharp): Promise<string> => (await image.png().toBuffer()).toString('base64');
