import { LiveState } from './live-state.js';
import { type CompanionFact, type CompletedFact, type PartialFact, type PictureStage } from '@semcast/console-messages';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { PictureCache } from './picture-cache.js';

let png: Buffer;
beforeAll(async () => {
  png = await sharp(new Uint8Array(3 * 32 * 16), { raw: { width: 32, height: 16, channels: 3 } })
    .png()
    .toBuffer();
});

const about = { name: 'a.jpg', width: 32, height: 16, csnrDb: { configured: 10, estimated: 10 }, supersedes: false };

function partial(
  frame: number,
  stage: PartialFact['stage'],
  steps: number,
  more: Partial<PartialFact> = {},
): PartialFact {
  return { kind: 'partial', frame, stage, steps, decoder: 'diffcom', endToEndMs: 1, ...about, ...more };
}

function completed(frame: number, steps = 0): CompletedFact {
  return {
    kind: 'completed',
    frame,
    ...about,
    cbr: '1/24',
    channelUses: 512,
    decoder: steps === 0 ? 'jscc' : 'diffcom',
    decoderOptions: {},
    waveform: 'single-carrier',
    waveformOptions: {},
    steps,
    reducedSteps: false,
    figures: { psnrDb: 25 },
    previewPsnrDb: steps === 0 ? null : 24,
    residual: null,
    endToEndMs: 1,
    previewLatencyMs: null,
    decodeMs: 1,
    timingsMs: { read: 1, encode: 1, credit: 1, air: 1 },
  };
}

function start(
  options: { readonly maxBytes?: number; readonly gone?: readonly number[]; readonly bytes?: Uint8Array } = {},
) {
  const urls = { transmitter: '', channel: '', receiver: '' };
  const state = new LiveState({ urls, needsToken: false });
  const asked: string[] = [];
  let nowMs = 0;
  const pictures = new PictureCache({
    state,
    maxBytes: options.maxBytes ?? 1e6,
    now: () => nowMs,
    fetchPicture: async (frame: number, stage: PictureStage) => {
      asked.push(`${frame}/${stage}`);
      const status = options.gone?.includes(frame) === true ? 404 : 200;
      return { status, contentType: 'image/png', bytes: options.bytes ?? png };
    },
  });
  const stages = () => state.sections.shown?.pictures.map(({ stage, steps }) => `${stage} ${steps}`);
  return { state, pictures, asked, stages, wait: (ms: number) => (nowMs += ms) };
}

describe('the cache of pictures', () => {
  it('shows original and only picture of a frame of one pass, and keeps a small one', async () => {
    const { state, pictures, asked } = start();
    pictures.noteCompleted(completed(3));
    await expect.poll(() => state.sections.gallery.length).toBe(1);
    expect(asked).toEqual(['3/original', '3/final']);
    expect(state.sections.shown).toMatchObject({
      frame: 3,
      done: true,
      pictures: [{ figures: null }, { frame: 3, snrDb: 10, figures: { psnrDb: 25 } }],
    });
    for (const { url } of state.sections.shown!.pictures) {
      expect(pictures.read(url)?.bytes).toEqual(png);
    }
    const thumbnail = pictures.read(state.sections.gallery[0]!.url)!;
    expect(await sharp(thumbnail.bytes).metadata()).toMatchObject({ format: 'webp', width: 160, height: 80 });
  });

  it('shows nothing of a transmitter whose pictures are none, and draws no SVG of its', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="16"><rect width="9" height="9"/></svg>';
    const { state, pictures, asked } = start({ bytes: Buffer.from(svg) });
    pictures.noteCompleted(completed(3));
    await expect.poll(() => asked).toEqual(['3/original', '3/final']);
    await pictures.close();
    expect(state.sections.shown?.pictures ?? []).toEqual([]);
    expect(state.sections.gallery).toEqual([]);
  });

  it('closes while the transmitter keeps it waiting for a picture', async () => {
    const { urls, needsToken } = { urls: { transmitter: '', channel: '', receiver: '' }, needsToken: false };
    let asked = false;
    const pictures = new PictureCache({
      state: new LiveState({ urls, needsToken }),
      maxBytes: 1e6,
      fetchPicture: (_frame, _stage, signal) =>
        new Promise((_, reject) => {
          asked = true;
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    });
    pictures.noteCompleted(completed(3));
    await expect.poll(() => asked).toBe(true);
    await pictures.close();
  });

  it('follows a frame that is being refined to its end before it shows another', async () => {
    const { state, pictures, asked, stages, wait } = start();
    pictures.notePartial(partial(1, 'preview', 0));
    await expect.poll(stages).toEqual(['original 0', 'preview 0']);
    pictures.notePartial(partial(2, 'preview', 0));
    pictures.notePartial(partial(1, 'intermediate', 4));
    await expect.poll(stages).toEqual(['original 0', 'preview 0', 'intermediate 4']);
    const before = state.sections.shown!.pictures.find(({ stage }) => stage === 'intermediate')!.url;
    pictures.notePartial(partial(1, 'intermediate', 8));
    await expect.poll(stages).toEqual(['original 0', 'preview 0', 'intermediate 8']);
    expect(state.sections.shown!.pictures.find(({ stage }) => stage === 'intermediate')!.url).not.toBe(before);
    pictures.noteCompleted(completed(1, 12));
    await expect.poll(stages).toEqual(['original 0', 'preview 0', 'final 12']);
    expect(asked.filter((picture) => picture.startsWith('2'))).toEqual([]);
    wait(1000);
    pictures.notePartial(partial(2, 'intermediate', 4));
    await expect.poll(() => state.sections.shown?.frame).toBe(2);
  });

  it('follows a frame that shows a change at once, and keeps what was refined before beside it', async () => {
    const { state, pictures, stages } = start();
    pictures.notePartial(partial(1, 'preview', 0));
    pictures.noteCompleted(completed(1, 12));
    await expect.poll(stages).toEqual(['original 0', 'preview 0', 'final 12']);
    pictures.notePartial(partial(2, 'preview', 0, { supersedes: true, csnrDb: { configured: 3, estimated: 3 } }));
    const shown = () => state.sections.shown!.pictures.map(({ stage, frame, snrDb }) => `${stage} ${frame} ${snrDb}`);
    await expect.poll(shown).toEqual(['original 2 3', 'preview 2 3', 'final 1 10']);
    pictures.noteMeasured({ kind: 'measured', frame: 2, figures: { psnrDb: 21 } });
    expect(state.sections.shown!.pictures[1]!.figures).toEqual({ psnrDb: 21 });
    // It gives way to the next one without having been refined.
    pictures.noteDropped(2, true);
    pictures.notePartial(partial(3, 'preview', 0, { supersedes: true }));
    await expect.poll(shown).toEqual(['original 3 10', 'preview 3 10', 'final 1 10']);
    // Another photograph has nothing to do with that picture.
    pictures.noteDropped(3, true);
    pictures.notePartial(partial(4, 'preview', 0, { supersedes: true, name: 'b.jpg' }));
    await expect.poll(shown).toEqual(['original 4 10', 'preview 4 10']);
  });

  it('keeps the picture of the digital link beside those of the networks, and the other way round', async () => {
    const { state, pictures } = start();
    const shown = () =>
      state.sections.shown!.pictures.map(({ stage, decoder, frame }) => `${stage} ${decoder} ${frame}`);
    pictures.notePartial(partial(1, 'preview', 0));
    pictures.noteCompleted(completed(1, 12));
    await expect.poll(() => state.sections.gallery.length).toBe(1);
    const digital = { ...completed(2), decoder: 'digital', supersedes: true };
    pictures.noteCompleted(digital);
    await expect.poll(shown).toEqual(['original digital 2', 'final digital 2', 'final diffcom 1']);
    pictures.notePartial(partial(3, 'preview', 0, { supersedes: true }));
    await expect.poll(shown).toEqual(['original diffcom 3', 'preview diffcom 3', 'final diffcom 1', 'final digital 2']);
  });

  it('shows the companion of a photograph beside it, behind its own pictures, and not beside another', async () => {
    const { state, pictures, asked } = start();
    const shown = () =>
      state.sections.shown?.pictures.map(({ stage, frame, digital }) => `${stage} ${frame} ${digital?.lost ?? ''}`);
    const companion = (frame: number, more: Partial<CompanionFact> = {}): CompanionFact => ({
      kind: 'companion',
      frame,
      name: about.name,
      designCsnrDb: 10,
      csnrDb: about.csnrDb,
      figures: { psnrDb: 30 },
      endToEndMs: 1,
      ...more,
    });
    pictures.noteCompanion(companion(1));
    pictures.noteCompleted(completed(1));
    await expect.poll(shown).toEqual(['original 1 ', 'final 1 ', 'digital 1 false']);
    expect(asked).toEqual(['1/original', '1/final', '1/digital']);
    expect(pictures.read(state.sections.shown!.pictures[2]!.url)?.bytes).toEqual(png);
    pictures.noteCompanion(companion(2, { lost: 'block-error' }));
    await expect.poll(shown).toEqual(['original 1 ', 'final 1 ', 'digital 2 true']);
    expect(state.sections.shown!.pictures[2]).toMatchObject({ decoder: 'digital', snrDb: 10, figures: { psnrDb: 30 } });
    pictures.noteCompanion(companion(3, { name: 'b.jpg' }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).not.toContain('3/digital');
  });

  it('keeps what is known of past frames, with the residual that comes later', async () => {
    const { state, pictures } = start();
    pictures.noteCompleted(completed(3));
    await expect.poll(() => state.sections.gallery.length).toBe(1);
    pictures.noteResidual({ frame: 3, residual: 1.1 });
    const record = pictures.record(state.sections.gallery[0]!.id)!;
    expect(record).toMatchObject({ frame: 3, residual: 1.1, decoder: 'jscc', figures: { psnrDb: 25 } });
    expect(record.pictures.map(({ url }) => pictures.read(url)?.bytes)).toEqual([png, png]);
    expect(pictures.record(999)).toBeUndefined();
  });

  it('leaves a refined picture time to be seen, however long it took', async () => {
    const { state, pictures, asked, stages, wait } = start();
    pictures.notePartial(partial(1, 'preview', 0));
    await expect.poll(stages).toEqual(['original 0', 'preview 0']);
    pictures.notePartial(partial(2, 'preview', 0));
    wait(5000);
    pictures.noteCompleted(completed(1, 12));
    await expect.poll(stages).toEqual(['original 0', 'preview 0', 'final 12']);
    wait(900);
    pictures.notePartial(partial(2, 'intermediate', 4));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(state.sections.shown?.frame).toBe(1);
    expect(asked.filter((picture) => picture.startsWith('2'))).toEqual([]);
    wait(100);
    pictures.notePartial(partial(2, 'intermediate', 5));
    await expect.poll(() => state.sections.shown?.frame).toBe(2);
  });

  it('fetches no faster than somebody could look, and takes the newest then', async () => {
    const { state, pictures, asked, wait } = start();
    pictures.noteCompleted(completed(0));
    await expect.poll(() => state.sections.gallery.length).toBe(1);
    for (let frame = 1; frame <= 40; frame++) {
      pictures.noteCompleted(completed(frame));
    }
    await expect.poll(() => asked.length).toBe(2);
    wait(500);
    pictures.noteCompleted(completed(41));
    await expect.poll(() => state.sections.shown?.frame).toBe(41);
    expect(asked).toEqual(['0/original', '0/final', '41/original', '41/final']);
  });

  it('does not wait for a frame that was dropped, or of which nothing is heard', async () => {
    const { state, pictures, wait } = start();
    pictures.notePartial(partial(1, 'preview', 0));
    await expect.poll(() => state.sections.shown?.frame).toBe(1);
    pictures.noteDropped(1, false);
    wait(500);
    pictures.notePartial(partial(2, 'preview', 0));
    await expect.poll(() => state.sections.shown?.frame).toBe(2);
    pictures.noteCompleted(completed(3));
    wait(10_000);
    pictures.noteCompleted(completed(4));
    expect(state.sections.shown?.frame).toBe(2);
    wait(10_000);
    pictures.noteCompleted(completed(5));
    await expect.poll(() => state.sections.shown?.frame).toBe(5);
  });

  it('goes on when a picture is gone already', async () => {
    const { state, pictures, wait } = start({ gone: [1] });
    pictures.noteCompleted(completed(1));
    wait(500);
    pictures.noteCompleted(completed(2));
    await expect.poll(() => state.sections.shown?.frame).toBe(2);
    await expect.poll(() => state.sections.gallery.map(({ frame }) => frame)).toEqual([2]);
  });

  it('keeps no more bytes than it may, and knows what was there', async () => {
    const { state, pictures, wait } = start({ maxBytes: 5 * png.length });
    const seen: string[] = [];
    for (let frame = 0; frame < 12; frame++) {
      pictures.noteCompleted(completed(frame));
      await expect.poll(() => state.sections.gallery.length).toBe(frame + 1);
      seen.push(...state.sections.shown!.pictures.map(({ url }) => url));
      wait(500);
    }
    expect(pictures.bytes).toBeLessThanOrEqual(5 * png.length);
    expect(seen.filter((url) => pictures.read(url) !== undefined)).toEqual(seen.slice(-5));
    expect(pictures.wasThere(seen[0]!)).toBe(true);
    expect(pictures.wasThere('/pictures/0/final-999')).toBe(false);
    expect(pictures.wasThere('/pictures/..%2f')).toBe(false);
  });
});
