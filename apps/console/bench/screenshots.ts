/**
 * Pictures of the console for the documentation, from services that run: at both widths, in both themes.
 *
 *     npx semcast up --size 256 --channel pedestrian --waveform ofdm &
 *     npx tsx apps/console/bench/screenshots.ts http://127.0.0.1:7400 docs/images
 */
import { join } from 'node:path';
import sharp from 'sharp';
import { startBrowser } from '../test/support/browser.js';

const [url = 'http://127.0.0.1:7400', dir = 'docs/images', seconds = '30'] = process.argv.slice(2);
const WIDTHS = [
  { name: '1280', width: 1280, height: 900, shown: 2000 },
  { name: '390', width: 390, height: 844, shown: 2100 },
] as const;

const browser = await startBrowser(process.env['CHROMIUM'] ?? '/usr/bin/chromium');
try {
  const page = await browser.open(url);
  await page.locator('.gallery li').nth(2).waitFor({ timeout: 120_000 });
  await page.waitForTimeout(1000 * Number(seconds));
  for (const { name, width, height, shown } of WIDTHS) {
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(1500);
      if ((await page.locator('[data-pane=refined]').count()) > 0) {
        await page.locator('[data-pane=refined]', { hasText: 'Refined' }).waitFor();
      }
      const whole = await page.screenshot({ fullPage: true });
      const { height: length } = await sharp(whole).metadata();
      await sharp(whole)
        .extract({ left: 0, top: 0, width, height: Math.min(length, shown) })
        .png({ palette: true, quality: 90, effort: 8 })
        .toFile(join(dir, `console-${name}-${colorScheme}.png`));
    }
  }
  process.stdout.write(`${JSON.stringify({ errors: browser.errors, foreign: browser.foreign })}\n`);
} finally {
  await browser.close();
}
