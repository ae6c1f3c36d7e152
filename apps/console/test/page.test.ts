import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { findProgram, startLiveServices, type LiveServices } from '@semcast/testkit';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startBrowser, type Browser } from './support/browser.js';
import { startConsole } from './support/console.js';

/** As far as this reads what axe-core found. */
interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string }[];
}

const chromium = findProgram('chromium', 'chromium');

describe.skipIf(chromium === undefined)('the page before services that are made up', () => {
  const closers: (() => Promise<unknown>)[] = [];
  let services: LiveServices;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
    const picture = await sharp(new Uint8Array(3 * 64 * 48).fill(99), { raw: { width: 64, height: 48, channels: 3 } })
      .png()
      .toBuffer();
    services = await startLiveServices({ picture, width: 64, height: 48 });
    closers.push(() => services.close());
    const shown = await startConsole(services, { controlToken: 'open sesame', maxPictureBytes: 1_000_000 });
    closers.push(() => shown.close());
    browser = await startBrowser(chromium!, {
      // A picture that moves, from no camera at all.
      args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
    });
    closers.push(() => browser.close());
    page = await browser.open(shown.url);
  }, 120_000);

  afterAll(async () => {
    for (const close of closers.toReversed()) {
      await close();
    }
  });

  it('shows a refinement as it goes: begun, a step, the end', async () => {
    const csnrDb = { configured: 10, effective: 10, estimated: null };
    const about = { frame: 1, name: 'hills.jpg', width: 64, height: 48, decoder: 'diffcom', csnrDb, supersedes: false };
    const refined = page.locator('[data-pane=refined]');
    services.transmitter.push({ kind: 'partial', ...about, stage: 'preview', steps: 0, endToEndMs: 60 });
    await refined.filter({ hasText: 'step 1' }).locator('canvas.waits').waitFor();
    services.transmitter.push({ kind: 'partial', ...about, stage: 'intermediate', steps: 5, endToEndMs: 80 });
    await refined.filter({ hasText: 'step 6' }).filter({ hasText: 'diffcom, 5 steps' }).waitFor();
    const step = await refined.locator('canvas').getAttribute('data-picture');
    services.emitFrame(1, { steps: 10 });
    await refined.filter({ hasText: 'diffcom, 10 steps' }).waitFor();
    expect(await refined.locator('canvas').getAttribute('data-picture')).not.toBe(step);
    expect(await page.locator('.panes figure').count()).toBe(3);
    // Figures beside the picture that they are of, and what refining did to each.
    await page.locator('[data-pane=preview] [data-figure=psnrDb]', { hasText: '24.0 dB' }).waitFor();
    await refined.locator('[data-figure=contrast]', { hasText: '0.970' }).filter({ hasText: '+0.070' }).waitFor();
    await refined.locator('[data-figure=residual] dd.good', { hasText: '1.00' }).waitFor();
    await page.locator('.seen', { hasText: 'keeps 90 % of the local contrast, the refined picture 97 %' }).waitFor();
    // The pixels themselves, not only a frame around them.
    const pixel = await page.evaluate(
      '[...document.querySelector("[data-pane=refined] canvas").getContext("2d").getImageData(5, 5, 1, 1).data]',
    );
    expect(pixel).toEqual([99, 99, 99, 255]);
  });

  it('keeps the refined picture beside the preview of a change, and says that it is of an earlier frame', async () => {
    const csnrDb = { configured: -4, effective: -4, estimated: null };
    const about = {
      frame: 2,
      name: 'hills.jpg',
      width: 64,
      height: 48,
      decoder: 'diffcom',
      csnrDb,
      supersedes: true,
    };
    services.transmitter.push({ kind: 'partial', ...about, stage: 'preview', steps: 0, endToEndMs: 60 });
    const refined = page.locator('[data-pane=refined]');
    await refined.filter({ hasText: 'Earlier frame' }).filter({ hasText: 'at 10.0 dB' }).waitFor();
    expect(await page.locator('[data-pane=preview]').getAttribute('data-snr')).toBe('-4');
    await page.locator('.seen', { hasText: 'the noise is 2.5 times as strong as the signal' }).waitFor();
  });

  it('lets one choose what the refined picture is wiped over', async () => {
    await page.getByRole('button', { name: 'Wipe' }).click();
    const left = page.getByLabel('picture on the left');
    expect(await left.locator('option').allTextContents()).toEqual(['Original', 'Quick decode']);
    await left.selectOption('preview');
    await page.getByLabel('edge between Quick decode and Refined').fill('0.25');
    expect(await page.evaluate('document.querySelector(".edge").style.left')).toBe('25%');
    await page.getByRole('button', { name: 'Side by side' }).click();
  });

  it('has everything else under Details, and remembers that they are open', async () => {
    expect(await page.locator('.readouts').count()).toBe(0);
    await page.getByRole('button', { name: 'Details' }).click();
    await page.locator('[data-readout=psnr-refined] .value').filter({ hasNotText: '–' }).waitFor();
    await page.reload();
    await page.locator('.readouts').waitFor();
  });

  it('says what a quantity is, to the mouse and to the keyboard', async () => {
    const word = page.locator('[data-readout=residual] .term');
    const sentence = word.locator('[role=tooltip]');
    expect(await sentence.isVisible()).toBe(false);
    await word.focus();
    await sentence.filter({ hasText: 'in multiples of the noise' }).waitFor();
    await page.locator('h1').click();
    expect(await sentence.isVisible()).toBe(false);
  });

  it('says where an SNR lies outside what the networks were trained for', async () => {
    const note = page.locator('.dial [role=status]');
    await page.locator('input[type=range][name=snr]').fill('-5');
    await note.filter({ hasText: 'Outside the 0 to 20 dB that the networks were trained for' }).waitFor();
    await page.locator('input[type=range][name=snr]').fill('5');
    expect(await note.getAttribute('data-outside')).toBe('no');
    await page.locator('[data-refusal=channel]').waitFor();
  });

  it('asks for the token where one is needed, and goes on with it', async () => {
    const loss = page.locator('input[name=loss]');
    await loss.fill('0.1');
    await loss.press('Enter');
    await page.locator('[data-refusal=channel]', { hasText: 'takes the control token' }).waitFor();
    await page.locator('input[name=token]').fill('open sesame');
    await page.locator('input[name=token]').press('Enter');
    await loss.fill('0.2');
    await loss.press('Enter');
    await expect.poll(() => services.changes).toEqual([{ path: '/channel', body: { loss: 0.2 } }]);
    await expect.poll(async () => await page.locator('.refusal').count()).toBe(0);
  });

  it('has a pane for the digital link that runs beside the stream, and says when its picture is lost', async () => {
    await page.locator('select[name=digital]').selectOption('fixed');
    const pane = page.locator('[data-pane=digital]');
    await pane.locator('canvas.waits').waitFor();
    const sent = { name: 'hills.jpg', designCsnrDb: 10, figures: { psnrDb: 12 }, endToEndMs: 90 };
    const met = (snrDb: number) => ({ csnrDb: { configured: snrDb, effective: snrDb, estimated: null } });
    services.transmitter.push({ kind: 'companion', frame: 2, ...sent, ...met(8), lost: 'block-error' });
    services.transmitter.push({ kind: 'event', event: 'digital-lost', level: 'warn', message: 'it lost its picture' });
    await pane.locator('.lost').waitFor();
    await pane.filter({ hasText: 'sent for 10.0 dB' }).filter({ hasText: 'at 8.0 dB' }).waitFor();
    await page.locator('.seen', { hasText: 'The digital link has lost its picture.' }).waitFor();
    await page.locator('[data-event=digital-lost]').waitFor();
    // The pictures of the networks have stayed where they are.
    const ids = '[...document.querySelectorAll(".panes figure")].map((pane) => pane.dataset.pane)';
    expect(await page.evaluate(ids)).toEqual(['original', 'preview', 'refined', 'digital']);
    services.transmitter.push({ kind: 'companion', frame: 2, ...sent, ...met(12) });
    await pane.filter({ hasText: 'at 12.0 dB' }).waitFor();
    expect(await pane.locator('.lost').count()).toBe(0);
    await page.locator('select[name=digital]').selectOption('off');
  });

  it('sends one’s own picture: by a file that is chosen, by one that is dropped, and from the camera', async () => {
    const photos = () => services.changes.filter(({ path }) => path === '/photos').map(({ body }) => body);
    const file = { name: 'cat.png', mimeType: 'image/png', buffer: Buffer.from('bytes of a cat') };
    await page.locator('input[name=picture]').setInputFiles(file);
    await expect.poll(photos).toEqual([{ name: 'cat.png', bytes: 14 }]);
    await page.waitForTimeout(200);
    await page.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['a dog'], 'dog.jpg', { type: 'image/jpeg' }));
      window.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    })()`);
    await expect.poll(() => photos().at(-1)).toEqual({ name: 'dog.jpg', bytes: 5 });
    await page.locator('input[name=picture]').setInputFiles({ ...file, name: 'a.svg', mimeType: 'image/svg+xml' });
    await page.locator('[data-refusal=photo]', { hasText: 'a.svg is no picture that can be sent' }).waitFor();
    await page.getByRole('button', { name: 'Camera' }).click();
    await expect.poll(() => photos().length, { timeout: 20_000 }).toBeGreaterThan(3);
    expect(photos().at(-1)).toMatchObject({ name: 'camera.jpg', bytes: expect.any(Number) as number });
    await page.getByRole('button', { name: 'Camera' }).click();
    await expect.poll(async () => await page.locator('[data-refusal=photo]').count()).toBe(0);
  });

  it('opens past frames, with their pictures, settings and files', async () => {
    await page.locator('.gallery button').first().click();
    const opened = page.getByRole('dialog');
    await opened.locator('[data-opened=final] img').waitFor();
    await opened.locator('.rows', { hasText: 'ofdm prefix=8' }).waitFor();
    const json = await opened.getByRole('link', { name: /JSON/ }).getAttribute('href');
    const record: unknown = await page.evaluate(`fetch('${json}').then((answer) => answer.json())`);
    expect(record).toMatchObject({ waveform: 'ofdm', channel: { model: { name: 'awgn' } } });
    expect(await opened.getByRole('link', { name: 'Download', exact: true }).first().getAttribute('download')).toMatch(
      /^\S+-original\.png$/,
    );
    await page.keyboard.press('Escape');
    await expect.poll(async () => await page.getByRole('dialog').count()).toBe(0);
  });

  it('moves the SNR by the keyboard', async () => {
    await page.locator('input[type=range][name=snr]').focus();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => services.changes.at(-1)).toMatchObject({ path: '/channel', body: { snrDb: 10.5 } });
    await page.locator('h1').click();
    await page.keyboard.press(']');
    await expect.poll(() => services.changes.at(-1)).toMatchObject({ path: '/channel', body: { snrDb: 11 } });
  });

  it.each(['dark', 'light'] as const)('has no serious fault of accessibility, %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8'));
    const { violations } = (await page.evaluate('axe.run()')) as { violations: Violation[] };
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)).toEqual(
      [],
    );
    await page.emulateMedia({ colorScheme: 'dark' });
  });

  it('has a slider for an option between 0 and 1', async () => {
    const slider = page.locator('input[type=range][name=realism]');
    expect(await slider.inputValue()).toBe('1');
    await slider.fill('0.4');
    await expect
      .poll(() => services.changes.at(-1))
      .toEqual({ path: '/stream', body: { decoder: 'jscc', decoderOptions: { realism: 0.4 } } });
  });

  it('offers the waveforms, with the options of the one in force', async () => {
    const newest = () => expect.poll(() => services.changes.at(-1));
    const prefix = page.locator('input[name=prefix]');
    await page.locator('summary', { hasText: '1 option of ofdm' }).click();
    expect(await prefix.inputValue()).toBe('8');
    await prefix.fill('4');
    await prefix.press('Enter');
    await newest().toEqual({ path: '/stream', body: { waveformOptions: { prefix: 4 } } });
    await page.locator('select[name=waveform]').selectOption('single-carrier');
    await newest().toEqual({ path: '/stream', body: { waveform: 'single-carrier' } });
  });

  it('offers the presets of the channel, and changes its list of impairments', async () => {
    const newest = () => expect.poll(() => services.changes.at(-1));
    await page.locator('select[name=preset]').selectOption({ label: 'pedestrian: on foot' });
    await newest().toEqual({ path: '/channel', body: { preset: 'pedestrian' } });
    await page.locator('select[name=impairment]').selectOption('cfo');
    const adc = { name: 'adc', bits: 8 };
    await newest().toEqual({ path: '/channel', body: { impairments: [adc, { name: 'cfo' }] } });
    const bits = page.locator('[data-impairment=adc] input[name=bits]');
    expect(await bits.inputValue()).toBe('8');
    await bits.fill('5');
    await bits.press('Enter');
    await newest().toEqual({ path: '/channel', body: { impairments: [{ ...adc, bits: 5 }] } });
    await page.locator('[data-impairment=adc] button').click();
    await newest().toEqual({ path: '/channel', body: { impairments: [] } });
  });

  it('says what the gain is where it is a number, and draws it over frequency where it is none', async () => {
    const scopes = async (): Promise<unknown> =>
      await page.evaluate("[...document.querySelectorAll('[data-scope]')].map(({ dataset }) => dataset.scope)");
    services.emitFrame(12);
    await page.locator('[data-scope=constant]', { hasText: 'Channel gain |h|² 0.0 dB at all frequencies' }).waitFor();
    expect(await scopes()).toEqual(['received', 'equalised', 'spectrum', 'waterfall', 'constant']);
    services.emitFrame(13, { selective: true });
    await page.locator('[data-scope=response]', { hasText: 'receiver, by pilots' }).waitFor();
    expect(await scopes()).toEqual(['received', 'equalised', 'spectrum', 'waterfall', 'response', 'impulse']);
    expect(await page.locator('[data-scope=response]').getAttribute('data-points')).toBe('64');
    // Something is drawn in the colours of both curves.
    const colours = `(() => {
      const canvas = document.querySelector('[data-scope=response] canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const style = getComputedStyle(document.documentElement);
      return ['--estimate', '--preview'].map((name) => {
        const value = parseInt(style.getPropertyValue(name).trim().slice(1), 16);
        const wanted = [value >> 16, (value >> 8) & 255, value & 255];
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
          count += Number(wanted.every((part, j) => Math.abs(part - data[i + j]) < 40) && data[i + 3] > 200);
        }
        return count;
      });
    })()`;
    await expect.poll(async () => Math.min(...((await page.evaluate(colours)) as number[]))).toBeGreaterThan(20);
  });

  it('says that a stream drops frames, and how often, in one line', async () => {
    const message = 'a frame ended without a picture: channel-loss';
    for (let frame = 0; frame < 5; frame++) {
      services.transmitter.push({ kind: 'event', event: 'frame-dropped', level: 'warn', message, frame });
    }
    await page.locator('.events li[data-event=frame-dropped]', { hasText: `${message} ×5` }).waitFor();
    expect(await page.locator('.events li[data-event=frame-dropped]').count()).toBe(1);
  });
});
