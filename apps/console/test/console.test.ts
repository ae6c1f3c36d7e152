import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createProcessKeeper,
  findProcesses,
  findProgram,
  freePorts,
  REPOSITORY_ROOT,
  waitFor,
  type TestProcess,
} from '@semcast/testkit';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import sharp from 'sharp';
import { startBrowser, type Browser } from './support/browser.js';
import { dragSnr } from './support/drag.js';

const chromium = findProgram('chromium', 'chromium');
const SEMCAST = join(REPOSITORY_ROOT, 'apps/cli/bin/semcast.js');

/** A base whose four ports are free. */
async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const [base] = (await freePorts(1)) as [number];
    const servers = [1, 2, 3].map((offset) => createServer().listen(base + offset, '127.0.0.1'));
    const listening = await Promise.all(
      servers.map(
        async (server) =>
          await new Promise<boolean>((resolve) => {
            server.once('listening', () => resolve(true));
            server.once('error', () => resolve(false));
          }),
      ),
    );
    await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))));
    if (listening.every(Boolean)) {
      return base;
    }
  }
  throw new Error('no four neighbouring ports are free');
}

/** A figure of the strip below the head; NaN for a dash. */
async function readout(page: Page, id: string): Promise<number> {
  const text = await page.locator(`[data-readout=${id}] .value`).textContent();
  return Number(text!.replace('−', '-'));
}

describe.skipIf(chromium === undefined)('the console before three real processes', () => {
  const keeper = createProcessKeeper();
  let up: TestProcess;
  let base: number;
  let dir: string;
  let browser: Browser;
  let page: Page;

  const startUp = async (): Promise<TestProcess> => {
    const started = keeper.start({
      args: [
        SEMCAST,
        'up',
        '--port-base',
        String(base),
        '--size',
        '64',
        '--fps',
        '4',
        '--snr',
        '20',
        '--decoder',
        'jscc',
        '--out',
        dir,
      ],
      env: { NO_COLOR: '1', FORCE_COLOR: undefined, SEMCAST_BUNDLE: undefined },
      cwd: dir,
    });
    const address = `http://127.0.0.1:${base} `;
    await started.until('the address of the console is told', ({ stderr }) => stderr.includes(address));
    return started;
  };

  beforeAll(async () => {
    // A browser, three services and their networks on cores that others use, too.
    vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
    dir = await mkdtemp(join(tmpdir(), 'semcast-console-'));
    base = await freePortBase();
    up = await startUp();
    browser = await startBrowser(chromium!);
    page = await browser.open(`http://127.0.0.1:${base}/`);
    await page.getByRole('button', { name: 'Details' }).click();
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await keeper.killAll();
    await rm(dir, { recursive: true, force: true });
  });

  it('shows the services, a photograph, its figures and its signal', async () => {
    await page.locator('[data-service=receiver][data-state=here]').waitFor();
    await expect.poll(async () => await readout(page, 'snr-configured'), { timeout: 90_000 }).toBe(20);
    await page.locator('[data-pane=original] canvas').waitFor();
    // One pass: the only picture, said to be that, and no second one like it.
    await page.locator('[data-pane=preview]', { hasText: 'one pass' }).waitFor();
    expect(await page.locator('[data-pane=refined]').count()).toBe(0);
    await expect
      .poll(async () => Number(await page.locator('[data-scope=received]').getAttribute('data-points')))
      .toBeGreaterThan(60);
    await page.locator('.gallery img').first().waitFor();
    // The digital companion is a stream of its own, from its first frame on.
    const streams = await page.locator('.streams tbody tr').allTextContents();
    expect(streams.filter((text) => !text.startsWith('demo-digital'))).toEqual([expect.stringMatching(/^demo/)]);
    await page.locator('[data-scope=spectrum]').waitFor();
    expect(await page.locator('.curve .plot canvas').count()).toBe(7);
  });

  it('answers a change of the SNR: figures, picture, curve, event', async () => {
    const before = await figuresOfSeveral(page);
    expect(before.snrDb).toBe(20);
    const picture = await page.locator('[data-pane=preview] canvas').getAttribute('data-picture');

    await page.locator('input[type=range][name=snr]').fill('0');
    await expect.poll(async () => await readout(page, 'snr-configured'), { timeout: 90_000 }).toBe(0);
    await expect.poll(async () => await readout(page, 'snr-effective')).toBeLessThan(1);
    // Photographs differ, so the mean over several is compared.
    const after = await figuresOfSeveral(page);
    expect(after.psnrDb).toBeLessThan(before.psnrDb - 2);
    expect(await page.locator('[data-pane=preview] canvas').getAttribute('data-picture')).not.toBe(picture);
    await page.locator('.events li[data-event=channel-changed]', { hasText: 'awgn at 0 dB' }).waitFor();
    expect(await page.locator('[data-service=channel] .about').textContent()).toContain('0.0 dB');
  });

  it('changes model, rate and pace, and pauses', async () => {
    await page.locator('select[name=model]').selectOption('rayleigh-block');
    await page.locator('[data-scope=gain]', { hasText: 'over the frame' }).waitFor();
    await expect.poll(async () => await page.locator('[name=coherence]').inputValue()).toBe('256');
    await page.locator('select[name=model]').selectOption('tdl-exp');
    await page.locator('[data-scope=response]', { hasText: 'channel' }).waitFor();
    await page.locator('select[name=waveform]').selectOption('ofdm');
    await page.locator('[data-scope=response]', { hasText: 'by pilots' }).waitFor();
    await page.locator('[data-scope=impulse]', { hasText: 'Impulse response' }).waitFor();
    await page.locator('select[name=cbr]').selectOption('1/12');
    await page.locator('[data-service=transmitter]', { hasText: 'CBR 1/12' }).waitFor();
    await page.locator('button[name=pause]').click();
    await page.locator('button[name=pause][aria-pressed=true]').waitFor();
    await page.locator('button[name=pause]').click();
    await page.locator('button[name=pause][aria-pressed=false]').waitFor();
  });

  it('takes keys: themes, wipe, help', async () => {
    await page.locator('h1').click();
    await page.keyboard.press('t');
    await expect.poll(async () => await page.locator('html').getAttribute('data-theme')).toBe('light');
    await page.keyboard.press('t');
    await page.keyboard.press('w');
    await page.locator('[data-pane=wipe] canvas').nth(1).waitFor();
    await page.keyboard.press('w');
    await page.keyboard.press('?');
    await page.locator('dialog kbd').first().waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(async () => await page.locator('dialog').count()).toBe(0);
  });

  it('fits a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    // The curves are drawn anew, in time, for the room that there is.
    const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    await expect.poll(async () => await page.evaluate(overflow)).toBe(0);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('has asked nobody else for anything, and has had nothing to complain of', () => {
    expect(browser.foreign).toEqual([]);
    expect(browser.errors).toEqual([]);
  });

  it('says when the receiver is away, and goes on when it is back', async () => {
    const [receiver] = findProcesses(`--port ${base + 2} `)!;
    process.kill(receiver!, 'SIGKILL');
    await page.locator('[data-away=receiver]', { hasText: 'The receiver is away' }).waitFor({ timeout: 60_000 });
    await page.locator('[data-service=receiver][data-state=away]').waitFor();
    await page.locator('[data-service=receiver][data-state=here]').waitFor({ timeout: 120_000 });
    await expect.poll(async () => await page.locator('[data-away]').count(), { timeout: 60_000 }).toBe(0);
    await page.locator('.events li[data-event=service-away]').waitFor();
    await page.locator('.events li[data-event=service-back]').waitFor();
    const frame = async (): Promise<string | null> => await page.locator('.pictures h2').textContent();
    const shown = await frame();
    await waitFor('another frame is shown', async () => (await frame()) !== shown);
    expect(browser.errors).toEqual([]);
  });

  it('says what is wrong with a value, in a sentence, until it is right', async () => {
    const loss = page.locator('input[name=loss]');
    await loss.fill('2');
    const problem = page.locator('[data-problem=loss]', { hasText: 'This has to be at most 1.' });
    await problem.waitFor();
    await loss.press('Enter');
    const { loss: inForce } = (await (await fetch(`http://127.0.0.1:${base + 1}/channel`)).json()) as { loss: number };
    expect(inForce).toBe(0);
    await loss.fill('0.5');
    await expect.poll(async () => await problem.count()).toBe(0);
    await loss.press('Enter');
    await page.locator('.events li[data-event=channel-changed]', { hasText: '0.5 of the frames lost' }).waitFor();
    await loss.fill('0');
    await loss.press('Enter');
  });

  it('answers a drag at once, and sends one’s own picture through the channel', async () => {
    const { constellation, preview } = await dragSnr(page, [10, 12, 14, 16]);
    process.stdout.write(
      `from the end of a drag: symbols ${constellation.toFixed(0)} ms, preview ${preview.toFixed(0)} ms\n`,
    );
    expect(await page.locator('[data-pane=preview]').getAttribute('data-snr')).toBe('16');
    const picture = await sharp({ create: { width: 90, height: 70, channels: 3, background: '#3388cc' } })
      .png()
      .toBuffer();
    const file = { name: 'blue.png', mimeType: 'image/png', buffer: picture };
    await page.locator('input[name=picture]').setInputFiles(file);
    await page.locator('.pictures h2', { hasText: 'your-blue' }).waitFor();
    const broken = { ...file, name: 'broken.png', buffer: picture.subarray(0, 40) };
    await page.locator('input[name=picture]').setInputFiles(broken);
    await page.locator('[data-refusal=photo]', { hasText: 'the image' }).waitFor();
    await page.locator('select[name=photo]').selectOption('');
  });

  it('says when its own server is away, and goes on by itself', async () => {
    up.kill('SIGINT');
    expect((await up.ended).code).toBe(0);
    await page.locator('[data-away=console]').waitFor({ timeout: 60_000 });
    up = await startUp();
    await page.locator('[data-service=receiver][data-state=here]').waitFor({ timeout: 60_000 });
    await expect.poll(async () => await readout(page, 'snr-configured'), { timeout: 90_000 }).toBe(20);
  });
});

/** Means over some frames that come from now on, and the newest SNR. */
async function figuresOfSeveral(page: Page): Promise<{ snrDb: number; psnrDb: number }> {
  const psnrsDb: number[] = [];
  let last = '';
  // A round of the photographs after those that are still under way.
  const SKIPPED = 6;
  await waitFor(
    'several frames have come',
    async () => {
      const title = (await page.locator('.pictures h2').textContent()) ?? '';
      if (title !== last) {
        last = title;
        psnrsDb.push(await readout(page, 'psnr-preview'));
      }
      return psnrsDb.length >= SKIPPED + 8;
    },
    150_000,
  );
  const kept = psnrsDb.slice(SKIPPED);
  return {
    snrDb: await readout(page, 'snr-configured'),
    psnrDb: kept.reduce((sum, psnrDb) => sum + psnrDb, 0) / kept.length,
  };
}
