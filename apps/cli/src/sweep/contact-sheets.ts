import type { RgbImage } from '@semcast/core';
import { basename, extname, join, parse } from 'node:path';
import { readPhoto } from '@semcast/transmitter';
import { UsageError } from '../errors.js';
import { writeFileWhole } from '../json-output.js';
import {
  cropCentre,
  drawContactSheet,
  sheetSize,
  type SheetCell,
  type SheetColumn,
} from '../pictures/contact-sheet.js';
import { readPicture } from '../pictures/read-picture.js';
import { counted } from '../terminal/progress.js';
import { figure } from '../up/frame-columns.js';
import { BASELINE } from './compare.js';
import { caseKey, planSweep, type SweepGroup } from './plan.js';
import { channelText } from './channel-options.js';
import type { SweepControl, SweepReport } from './report.js';
import { pictureName, type SweepSettings } from './run-sweep.js';
import { blur, sharpen } from './sharpening.js';
import { bundleOf } from './variants.js';

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
  hasControl = false,
): void {
  const columns = 1 + variants.length * (hasControl ? 2 : 1);
  const side = size === 0 ? crop : Math.min(crop, size);
  const { width, height } = sheetSize(columns, files.length, { width: side, height: side });
  if (width * height > MAX_SHEET_PIXELS) {
    throw new UsageError(`--contact-sheet: a sheet of ${width} × ${height} pixels is too large`, {
      remedy: 'show fewer photographs (--limit), or smaller crops (--contact-crop)',
    });
  }
}

/** What a sheet shows beside the pictures themselves. */
type Measured = Pick<SweepReport, 'rows' | 'controls'>;

/**
 * A sheet for each SNR and rate: a row a photograph, the original first, then every decoder, with the control behind it
 * where it was made.
 *
 * @returns the files that were written
 */
export async function writeContactSheets(
  settings: SweepSettings,
  pictures: string,
  measured: Measured,
  options: ContactSheetOptions,
): Promise<string[]> {
  const { snrsDb, cbrs } = settings;
  const groups = planSweep(settings);
  const written: string[] = [];
  for (const snrDb of snrsDb) {
    for (const cbr of cbrs) {
      const shown = groups.filter((group) => group.snrDb === snrDb && group.cbr === cbr);
      const file = sheetFile(options.target, { snrDb, cbr }, snrsDb.length * cbrs.length === 1);
      await writeFileWhole(file, await drawSheet(settings, pictures, measured, shown, options.crop));
      written.push(file);
    }
  }
  return written;
}

async function drawSheet(
  settings: SweepSettings,
  pictures: string,
  { rows, controls = [] }: Measured,
  groups: readonly SweepGroup[],
  crop: number,
): Promise<Buffer> {
  const { files, size, channel, bundle } = settings;
  const decoded = async (group: SweepGroup, index: number): Promise<RgbImage> =>
    await readPicture(join(pictures, pictureName(group.cases[index]!, channel)));
  const columns = groups.flatMap((group): Column[] => {
    const { bundle: name, decoder, steps } = group.variant;
    const subtitle = [name ?? [], steps === 0 ? 'one pass' : counted(steps, 'step')].flat().join(', ');
    const own = { title: decoder, subtitle, group, picture: async (index: number) => decoded(group, index) };
    const filter = filterOf(group, controls);
    const baseline = groups.find(
      ({ variant }) => variant.decoder === BASELINE && variant.bundle === group.variant.bundle,
    );
    if (filter === undefined || baseline === undefined) {
      return [own];
    }
    const { radius, amount } = filter;
    const picture = async (index: number): Promise<RgbImage | null> => {
      const plain = await decoded(baseline, index).catch(() => null); // dropped, and told so
      if (plain === null) {
        return null;
      }
      return sharpen({ decoded: plain, blurred: await blur(plain, radius) }, amount);
    };
    return [own, { title: `sharpened (${decoder})`, subtitle: `${BASELINE}, radius ${radius}`, group: null, picture }];
  });
  const rowOf = new Map(rows.map((row) => [caseKey(row, row.frame), row]));
  const cells: (SheetCell | null)[][] = [];
  for (const [index, file] of files.entries()) {
    // One that can't be read was dropped, and told, when it was to be sent.
    const original = await readPhoto(file, { size, maxImagePixels: Number.MAX_SAFE_INTEGER }).catch(() => null);
    if (original === null) {
      continue;
    }
    const line: (SheetCell | null)[] = [{ image: cropCentre(original, crop), caption: basename(file, extname(file)) }];
    for (const { group, picture } of columns) {
      const row = group === null ? null : rowOf.get(caseKey(group.variant, group.cases[index]!.frame));
      const image = row === undefined ? null : await picture(index);
      const caption = row == null ? '' : `${figure(row.psnrDb, 2)} dB`;
      line.push(image === null ? null : { image: cropCentre(image, crop), caption });
    }
    cells.push(line);
  }
  const { snrDb, cbr } = groups[0]!;
  const shown = cells.flat().filter((entry) => entry !== null);
  return await drawContactSheet({
    title: `${channelText(settings)}, CSNR ${snrDb} dB, CBR ${cbr}, ${bundle.manifest.name} ${bundle.manifest.version}`,
    columns: [{ title: 'original', subtitle: '' }, ...columns],
    rows: cells,
    cell: {
      width: Math.max(1, ...shown.map(({ image }) => image.width)),
      height: Math.max(1, ...shown.map(({ image }) => image.height)),
    },
  });
}

interface Column extends SheetColumn {
  /** Null for what was not sent. */
  readonly group: SweepGroup | null;
  readonly picture: (index: number) => Promise<RgbImage | null>;
}

/** The sharpening filter that a decoder is held against, of those with its PSNR the one with the best SSIM. */
function filterOf({ variant, snrDb, cbr }: SweepGroup, controls: readonly SweepControl[]) {
  const control = controls.find(
    (each) =>
      each.bundle === bundleOf(variant).bundle &&
      each.decoder === variant.decoder &&
      each.steps === variant.steps &&
      each.snrDb === snrDb &&
      each.cbr === cbr,
  );
  return control?.filters.toSorted((one, other) => other.figures['ssim']! - one.figures['ssim']!)[0];
}
