import type { RgbImage } from '@semcast/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { commandLine } from '../arguments/command-line.js';
import { checkSheetSize, sheetFile } from '../sweep/contact-sheets.js';
import { variant } from '../../test/sweep-fixtures.js';
import { cropCentre, drawContactSheet, hasFont, sheetSize } from './contact-sheet.js';

const labelled = await hasFont();

/** Pixel (x, y) is (x, y, 99). */
function ramp(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [pixel % width, Math.floor(pixel / width), 99][i % 3]!;
  });
  return { width, height, data };
}

const flat = (value: number, side = 120): RgbImage => ({
  width: side,
  height: side,
  data: new Uint8Array(3 * side * side).fill(value),
});

describe('a crop', () => {
  it('is the middle at 1:1', () => {
    const { width, height, data } = cropCentre(ramp(10, 7), 4);
    expect([width, height]).toEqual([4, 4]);
    expect([...data.subarray(0, 3)]).toEqual([3, 1, 99]);
    expect([...data.subarray(-3)]).toEqual([6, 4, 99]);
  });
  it('is all of a picture that is smaller', () => {
    expect(cropCentre(ramp(10, 3), 4)).toMatchObject({ width: 4, height: 3 });
    expect(cropCentre(ramp(3, 2), 4)).toEqual(ramp(3, 2));
  });
});

describe('a contact sheet', () => {
  it('has its pictures where its labels say, pixel for pixel, and says what is missing', async () => {
    const cell = { width: 120, height: 120 };
    const png = await drawContactSheet({
      title: 'awgn & <noise>',
      columns: [
        { title: 'original', subtitle: '' },
        { title: 'jscc', subtitle: 'one pass' },
      ],
      rows: [
        [
          { image: flat(10), caption: 'a' },
          { image: flat(20), caption: '20.00 dB' },
        ],
        [{ image: flat(30), caption: 'b' }, null],
      ],
      cell,
    });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([...Object.values(sheetSize(2, 2, cell)), 3]);
    const inside = (value: number): number => data.reduce((count, byte) => count + Number(byte === value), 0);
    // Anti-aliased letters have some of any value, but not thousands.
    for (const value of [10, 20, 30]) {
      expect(inside(value)).toBeGreaterThanOrEqual(3 * 120 * 120);
      expect(inside(value)).toBeLessThan(3 * 120 * 120 + 300);
    }
    const topLeft = (12 + 30 + 40) * info.width + 12;
    expect(data[3 * topLeft]).toBe(10);
    expect(data[3 * (topLeft + 120 + 8)]).toBe(20);
  });

  it.runIf(labelled)('is labelled where there is a font', async () => {
    const png = await drawContactSheet({
      title: 'T',
      columns: [{ title: 'original', subtitle: '' }],
      rows: [[{ image: flat(255), caption: 'kodim01' }]],
      cell: { width: 120, height: 120 },
    });
    const below = await sharp(png).extract({ left: 12, top: 202, width: 120, height: 20 }).stats();
    expect(below.channels[0]!.min).toBeLessThan(100);
  });

  it('is refused when it would be too large, before anything is measured', () => {
    const settings = {
      files: Array.from({ length: 24 }, (_, i) => `${i}.png`),
      variants: [variant('jscc')],
      size: 256,
    };
    expect(() => checkSheetSize(settings, 4096)).not.toThrow();
    expect(() => checkSheetSize({ ...settings, size: 0 }, 2048)).toThrow(
      expect.objectContaining({ code: 'E_USAGE', remedy: expect.stringContaining('--contact-crop') as string }),
    );
  });

  it('has its conditions in its name where there are several', () => {
    expect(sheetFile('out/sheet.png', { snrDb: 5, cbr: '1/48' }, true)).toBe('out/sheet.png');
    expect(sheetFile('out/sheet.png', { snrDb: 5, cbr: '1/48' }, false)).toBe('out/sheet-5dB-cbr1_48.png');
  });
});

describe('a command line to be copied', () => {
  it('is quoted where a shell would read it otherwise', () => {
    expect(commandLine('sweep', ['--images', 'my photos', '--snr', '0,5', "--out=it's", '$HOME', ''])).toBe(
      String.raw`semcast sweep --images 'my photos' --snr 0,5 '--out=it'\''s' '$HOME' ''`,
    );
  });
});
