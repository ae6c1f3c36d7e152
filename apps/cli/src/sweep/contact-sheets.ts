import { basename, extname, join, parse } from 'node:path';
import { readPhoto } from '@semcast/transmitter';
import { UsageError } from '../errors.js';
import { writeFileWhole } from '../json-output.js';
import { cropCentre, drawContactSheet, sheetSize, type SheetCell } from '../pictures/contact-sheet.js';
import { readPicture } from '../pictures/read-picture.js';
import { figure } from '../up/frame-columns.js';
import { caseKey, planSweep, type SweepGroup } from './plan.js';
import { channelText } from './channel-options.js';
import type { SweepRow } from './report.js';
import { pictureName, type SweepSettings } from './run-sweep.js';

/** The largest contact sheet: 200 MB of memory while it is drawn. */
const MAX_SHEET_PIXELS = 64_000_000;

export interface ContactSheetOptions {
  /** File of the sheet; where a sweep has several SNRs or rates, these are written into its name. */
  readonly target: string;
  /** Sides of the crops, at 1:1. */
  readonly crop: number;
}

/** `sheet.png`, or `sheet-5dB-cbr1_48.png` where there are several. */
export function sheetFile(target: string, { snrDb, cbr }: { snrDb: number; cbr: string }, isOnly: boolean): string {
  const { dir, name, ext } = parse(target);
  return isOnly ? target : join(dir, `${name}-${snrDb}dB-cbr${cbr.replace('/', '_')}${ext}`);
}

/** @throws UsageError when a sheet would be too large, before hours are spent on what it shows */
export function checkSheetSize(
  { files, variants, size }: Pick<SweepSettings, 'files' | 'variants' | 'size'>,
  crop: number,
): void {
  const side = size === 0 ? crop : Math.min(crop, size);
  const { width, height } = sheetSize(variants.length + 1, files.length, { width: side, height: side });
  if (width * height > MAX_SHEET_PIXELS) {
    throw new UsageError(`--contact-sheet: a sheet of ${width} × ${height} pixels is too large`, {
      remedy: 'show fewer photographs (--limit), or smaller crops (--contact-crop)',
    });
  }
}

/**
 * A sheet for each SNR and rate: a row a photograph, the original first, then every decoder.
 *
 * @returns the files that were written
 */
export async function writeContactSheets(
  settings: SweepSettings,
  pictures: string,
  rows: readonly SweepRow[],
  options: ContactSheetOptions,
): Promise<string[]> {
  const { snrsDb, cbrs } = settings;
  const groups = planSweep(settings);
  const written: string[] = [];
  for (const snrDb of snrsDb) {
    for (const cbr of cbrs) {
      const shown = groups.filter((group) => group.snrDb === snrDb && group.cbr === cbr);
      const file = sheetFile(options.target, { snrDb, cbr }, snrsDb.length * cbrs.length === 1);
      await writeFileWhole(file, await drawSheet(settings, pictures, rows, shown, options.crop));
      written.push(file);
    }
  }
  return written;
}

async function drawSheet(
  settings: SweepSettings,
  pictures: string,
  rows: readonly SweepRow[],
  groups: readonly SweepGroup[],
  crop: number,
): Promise<Buffer> {
  const { files, size, channel, bundle } = settings;
  const rowOf = new Map(rows.map((row) => [caseKey(row, row.frame), row]));
  const cells: (SheetCell | null)[][] = [];
  for (const [index, file] of files.entries()) {
    // One that can't be read was dropped, and told, when it was to be sent.
    const original = await readPhoto(file, { size, maxImagePixels: Number.MAX_SAFE_INTEGER }).catch(() => null);
    if (original === null) {
      continue;
    }
    const line: (SheetCell | null)[] = [{ image: cropCentre(original, crop), caption: basename(file, extname(file)) }];
    for (const { variant, cases } of groups) {
      const sweepCase = cases[index]!;
      const row = rowOf.get(caseKey(variant, sweepCase.frame));
      line.push(
        row === undefined
          ? null
          : {
              image: cropCentre(await readPicture(join(pictures, pictureName(sweepCase, channel))), crop),
              caption: `${figure(row.psnrDb, 2)} dB`,
            },
      );
    }
    cells.push(line);
  }
  const { snrDb, cbr } = groups[0]!;
  const shown = cells.flat().filter((entry) => entry !== null);
  return await drawContactSheet({
    title: `${channelText(settings)}, CSNR ${snrDb} dB, CBR ${cbr}, ${bundle.manifest.name} ${bundle.manifest.version}`,
    columns: [
      { title: 'original', subtitle: '' },
      ...groups.map(({ variant: { bundle: name, decoder, steps } }) => ({
        title: decoder,
        subtitle: [name ?? [], steps === 0 ? 'one pass' : `${steps} steps`].flat().join(', '),
      })),
    ],
    rows: cells,
    cell: {
      width: Math.max(1, ...shown.map(({ image }) => image.width)),
      height: Math.max(1, ...shown.map(({ image }) => image.height)),
    },
  });
}
