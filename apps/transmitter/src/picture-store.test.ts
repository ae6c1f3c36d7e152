import type { RgbImage } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import type { CompletedFrame, DroppedFrame, PreviewedFrame, SentFrame } from './outcome.js';
import { PictureStore, type PictureStage } from './picture-store.js';

const width = 10;
const height = 10;
const image = (): RgbImage => ({ width, height, data: new Uint8Array(300).fill(7) });
const sent = (frame: number) => ({ frame, name: `p${frame}`, width, height, decoder: 'jscc' }) as SentFrame;
const preview = (frame: number, stage: 'preview' | 'intermediate', bytes: number, steps = 0) =>
  ({ frame, stage, width, height, steps, format: 'png', bytes: new Uint8Array(bytes) }) as PreviewedFrame;
const completed = (frame: number, bytes = 10) =>
  ({
    ...sent(frame),
    kind: 'completed',
    steps: 8,
    imageFormat: 'webp',
    received: new Uint8Array(bytes),
  }) as CompletedFrame;
const dropped = (frame: number) => ({ kind: 'dropped', frame, name: '', reason: 'deadline' }) as DroppedFrame;

const frames = (pictures: PictureStore): number[] => pictures.list().map(({ frame }) => frame);
const stages = (pictures: PictureStore, frame: number): PictureStage[] =>
  pictures
    .list()
    .find((entry) => entry.frame === frame)!
    .pictures.map(({ stage }) => stage);

describe('the store of pictures', () => {
  it('keeps the newest picture of each stage, in the order in which they come', async () => {
    const pictures = new PictureStore({ ended: 2, maxBytes: 10_000 });
    pictures.begin(sent(3), image());
    pictures.addPreview(preview(3, 'intermediate', 20, 2));
    pictures.addPreview(preview(3, 'preview', 30));
    pictures.addPreview(preview(3, 'intermediate', 40, 4));
    pictures.end(completed(3));
    expect(pictures.list()).toEqual([
      {
        frame: 3,
        name: 'p3',
        width,
        height,
        decoder: 'jscc',
        state: 'completed',
        pictures: [
          { stage: 'original', steps: 0 },
          { stage: 'preview', steps: 0 },
          { stage: 'intermediate', steps: 4 },
          { stage: 'final', steps: 8 },
        ],
      },
    ]);
    expect(pictures.bytes).toBe(300 + 30 + 40 + 10);
    expect(await pictures.read(3, 'final')).toMatchObject({ format: 'webp' });
    expect((await pictures.read(3, 'intermediate'))!.bytes).toHaveLength(40);
  });

  it('is not touched by what becomes of the pixels, and makes a file of them once', async () => {
    const pictures = new PictureStore({ ended: 2, maxBytes: 10_000 });
    const original = image();
    pictures.begin(sent(0), original);
    original.data.fill(0);
    const [first, second] = await Promise.all([pictures.read(0, 'original'), pictures.read(0, 'original')]);
    expect(first!.bytes).toBe(second!.bytes);
    expect(first!.format).toBe('png');
    expect(pictures.bytes).toBe(first!.bytes.length);
  });

  it('keeps all frames under way, and so many that have ended', () => {
    const pictures = new PictureStore({ ended: 2, maxBytes: 100_000 });
    for (let frame = 0; frame < 6; frame++) {
      pictures.begin(sent(frame), image());
    }
    for (const frame of [1, 0, 4]) {
      pictures.end(completed(frame));
    }
    pictures.end(dropped(2));
    expect(frames(pictures)).toEqual([2, 3, 4, 5]);
    expect(pictures.list().map(({ state }) => state)).toEqual(['dropped', 'under-way', 'completed', 'under-way']);
  });

  it('holds no more bytes than it may: ended frames go before those under way, old ones before new ones', () => {
    const pictures = new PictureStore({ ended: 9, maxBytes: 1000 });
    for (let frame = 0; frame < 3; frame++) {
      pictures.begin(sent(frame), image());
    }
    pictures.end(completed(1));
    expect(pictures.bytes).toBe(910);
    pictures.addPreview(preview(2, 'preview', 200));
    expect([frames(pictures), pictures.bytes]).toEqual([[0, 2], 800]);
    pictures.begin(sent(3), image());
    expect([frames(pictures), pictures.bytes]).toEqual([[2, 3], 800]);
  });

  it('gives up what is least missed where one frame alone is too much, and what is too large by itself', () => {
    const pictures = new PictureStore({ ended: 9, maxBytes: 1000 });
    pictures.begin(sent(0), image());
    pictures.addPreview(preview(0, 'preview', 500));
    pictures.addPreview(preview(0, 'intermediate', 200));
    pictures.addPreview(preview(0, 'intermediate', 1001));
    expect([stages(pictures, 0), pictures.bytes]).toEqual([['original', 'preview'], 800]);
    pictures.addPreview(preview(0, 'intermediate', 200));
    pictures.end(completed(0, 450));
    expect([stages(pictures, 0), pictures.bytes]).toEqual([['preview', 'final'], 950]);
  });

  it('knows nothing of frames that it does not hold', async () => {
    const pictures = new PictureStore({ ended: 0, maxBytes: 1000 });
    pictures.begin(sent(0), image());
    pictures.addPreview(preview(0, 'preview', 10));
    pictures.end(completed(0));
    expect([pictures.list(), pictures.bytes]).toEqual([[], 0]);
    expect(await pictures.read(0, 'final')).toBeUndefined();
  });
});
