/**
 * The pictures of the console in the documentation: `npm run docs:images` makes all of them anew, from services that it
 * starts, and writes down of which bundle they are (docs/images/console.json).
 *
 *     npm run docs:images
 */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessKeeper, freePorts, REPOSITORY_ROOT } from '@semcast/testkit';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { startBrowser } from '../test/support/browser.js';

const IMAGES = join(REPOSITORY_ROOT, 'docs/images');
const PHOTO = 'fig.jpg';
const WIDTHS = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
  { width: 2560, height: 1440 },
  { width: 390, height: 844 },
] as const;
/** Of one of the screens that a picture shows, in pixels: wider ones are made smaller. */
const TILE_WIDTH = 960;
const SNRS_DB = [20, 10, 5, 0] as const;
/** Of the animated picture: there and back. */
const MOVES_DB = [20, 17, 14, 11, 8, 5, 3, 1, 0, 2, 5, 9, 13, 17] as const;
const ANIMATED = { width: 1000, delayMs: 420, maxBytes: 3_000_000 } as const;
const PATIENCE_MS = 180_000;

/** Set the SNR, and wait until every picture on the page is of it. */
async function moveTo(page: Page, snrDb: number): Promise<void> {
  await page.locator('input[type=range][name=snr]').fill(String(snrDb));
  for (const pane of ['preview', 'refined', 'digital']) {
    await page.locator(`[data-pane=${pane}][data-snr="${snrDb}"] canvas:not(.waits)`).waitFor({ timeout: PATIENCE_MS });
  }
  await page.locator('.progress').waitFor({ state: 'detached', timeout: PATIENCE_MS });
}

/** Every width in both themes, each at all SNRs in one picture, which shows how the page is laid out. */
async function shootWidths(page: Page): Promise<void> {
  const shots = new Map<string, Buffer[]>();
  for (const snrDb of SNRS_DB) {
    await moveTo(page, snrDb);
    for (const { width, height } of WIDTHS) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.waitForTimeout(1500);
        const shot = await sharp(await page.screenshot())
          .resize({ width: TILE_WIDTH, withoutEnlargement: true })
          .toBuffer();
        const name = `console-${width}-${colorScheme}`;
        shots.set(name, [...(shots.get(name) ?? []), shot]);
      }
    }
  }
  for (const [name, tiles] of shots) {
    await sharp(tiles, { join: { across: tiles.length / 2, shim: 8 } })
      .webp({ quality: 80, effort: 5 })
      .toFile(join(IMAGES, `${name}.webp`));
  }
}

async function shootDetails(page: Page): Promise<void> {
  await moveTo(page, 10);
  await page.setViewportSize(WIDTHS[0]);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('button', { name: 'Details' }).click();
  await page.waitForTimeout(3000);
  const shot = await page.screenshot({ fullPage: true });
  await sharp(shot).webp({ quality: 85, effort: 5 }).toFile(join(IMAGES, 'console-details.webp'));
  await page.getByRole('button', { name: 'Details' }).click();
}

/** The slider moving, as an animated WebP. */
async function shootSlider(page: Page): Promise<void> {
  const frames: Buffer[] = [];
  for (const snrDb of MOVES_DB) {
    await moveTo(page, snrDb);
    frames.push(
      await sharp(await page.screenshot())
        .resize(ANIMATED.width)
        .png()
        .toBuffer(),
    );
  }
  const file = join(IMAGES, 'console-slider.webp');
  await sharp(frames, { join: { animated: true } })
    .webp({ quality: 72, effort: 5, delay: frames.map(() => ANIMATED.delayMs), loop: 0 })
    .toFile(file);
  const { size } = await stat(file);
  if (size > ANIMATED.maxBytes) {
    throw new RangeError(`${file} has ${size} bytes, more than ${ANIMATED.maxBytes}: lower its quality or width`);
  }
}

const dir = await mkdtemp(join(tmpdir(), 'semcast-docs-images-'));
const keeper = createProcessKeeper();
try {
  const [base] = (await freePorts(1)) as [number];
  const args = ['up', '--port-base', String(base), '--snr', '10', '--size', '256', '--out', dir];
  const up = keeper.start({ args: [join(REPOSITORY_ROOT, 'apps/cli/bin/semcast.js'), ...args], cwd: dir });
  await up.until('the transmitter is ready', ({ stderr }) => stderr.includes('transmitter'));
  const browser = await startBrowser(process.env['CHROMIUM'] ?? '/usr/bin/chromium');
  try {
    const page = await browser.open(`http://127.0.0.1:${base}`);
    await page.locator('[data-pane=preview] canvas').waitFor({ timeout: PATIENCE_MS });
    await page.locator('select[name=photo]').selectOption(PHOTO);
    await page.locator('.pictures h2', { hasText: 'fig' }).waitFor({ timeout: PATIENCE_MS });
    // One frame for each change, and nothing that moves in between.
    await page.locator('button[name=pause]').click();
    await shootWidths(page);
    await shootDetails(page);
    await shootSlider(page);
  } finally {
    await browser.close();
  }
  const { name, version } = JSON.parse(await readFile(join(REPOSITORY_ROOT, 'models/natural/bundle.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
  };
  await writeFile(join(IMAGES, 'console.json'), `${JSON.stringify({ bundle: { name, version } }, null, 2)}\n`);
} finally {
  await keeper.killAll();
  await rm(dir, { recursive: true, force: true });
}
