/** The digital link through the three services. */
import { fileURLToPath } from 'node:url';
import { MCS_TABLE, mcsFor } from '@semcast/channel-coding';
import { compress, linkFormat } from '@semcast/digital';
import { testPicture } from '@semcast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completed, pngOf, sendFrames } from './conformance.js';
import { startStack, type Stack } from './stack.js';

const picture = testPicture(96, 96, 2);
const options = { format: 'avif', effort: 0 } as const;
const digital = { decoder: 'digital', decoderOptions: options };

// Its networks are small: here they only say how many symbols a picture has.
const bundle = fileURLToPath(new URL('../../bundle/fixtures/posterior-bundle', import.meta.url));

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ receiver: { bundle, workers: 2, warmUp: false } });
});
afterAll(async () => {
  await stack.close();
});

const metric = async (name: string): Promise<number> => {
  const text = await stack.receiver.metrics.text();
  return Number(new RegExp(`^${name}\\{decoder="digital",reason="block-error"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
};

describe('the digital link', () => {
  it.each([
    { name: 'a single carrier' },
    { name: 'pilots of OFDM', waveform: 'ofdm', waveformOptions: { fftSize: 64 } } as const,
  ])('over $name brings the picture that was compressed, in as many channel uses as jscc', async (sent) => {
    const { name, ...waveform } = sent;
    stack.channel.update({ model: { name: 'awgn' }, snrDb: 14, seed: 1 });
    const stream = name.replaceAll(' ', '-');
    const [frame] = await sendFrames(stack, picture, { stream, ...digital, designCsnrDb: 10, ...waveform });
    const [analogue] = await sendFrames(stack, picture, { stream: `${stream}-jscc`, ...waveform });
    expect(frame!.channelUses).toBe(analogue!.channelUses);
    expect(frame!.cbrWithOverhead).toBe(analogue!.cbrWithOverhead);
    const { blockBytes } = linkFormat(10, frame!.channelUses);
    const direct = await compress(picture, blockBytes, options);
    expect(Buffer.compare(frame!.decoded.data, direct!.decoded.data)).toBe(0);
    expect(frame).toMatchObject({ decoder: 'digital', designCsnrDb: 10, steps: 0, residual: null });
    expect(frame).not.toHaveProperty('lost');
  });

  it('breaks within 1 dB of the CSNR that its MCS needs, and says so to the sender and in a metric', async () => {
    const { thresholdDb } = mcsFor(10)!;
    stack.channel.update({ model: { name: 'awgn' }, snrDb: thresholdDb + 1, seed: 2 });
    const above = await sendFrames(stack, picture, { stream: 'above', ...digital, count: 3 });
    expect(above.map(({ lost }) => lost)).toEqual([undefined, undefined, undefined]);
    const before = await metric('semcast_lost_pictures_total');
    stack.channel.update({ snrDb: thresholdDb - 1 });
    const below = await sendFrames(stack, picture, { stream: 'below', ...digital, count: 3 });
    for (const frame of below) {
      expect(frame).toMatchObject({ kind: 'completed', lost: 'block-error', csnrDb: { configured: thresholdDb - 1 } });
      expect(new Set(frame.decoded.data)).toEqual(new Set([128]));
      expect(frame.psnrDb).toBeLessThan(above[0]!.psnrDb - 8);
    }
    expect(await metric('semcast_lost_pictures_total')).toBe(before + 3);
  });

  it('is designed for what the receiver measured last, and for a fixed CSNR where one is given', async () => {
    // Blocks as short as these need some tenths more than the threshold of their MCS.
    const [goodDb, badDb] = [MCS_TABLE[22]!.thresholdDb + 0.8, MCS_TABLE[8]!.thresholdDb + 0.8];
    stack.channel.update({ model: { name: 'awgn' }, snrDb: goodDb, seed: 3 });
    const transmitter = await stack.transmitter({ resultFormat: 'raw', ...digital });
    const send = async () => completed(await transmitter.submit({ photo: await pngOf(picture) }));
    const [first, second] = [await send(), await send()];
    expect([first.designCsnrDb, second.designCsnrDb]).toEqual([10, expect.closeTo(goodDb, 6)]);
    expect(second.psnrDb).toBeGreaterThan(first.psnrDb + 1);
    stack.channel.update({ snrDb: badDb });
    // Designed for what was, it is lost, and the next one knows better.
    const [lost, next] = [await send(), await send()];
    expect(lost.lost).toBe('block-error');
    expect(next.designCsnrDb).toBeCloseTo(badDb, 6);
    expect(next).not.toHaveProperty('lost');
    await transmitter.close();
    const fixed = { ...digital, decoderOptions: { ...options, designSnrDb: 2 } };
    const [told] = await sendFrames(stack, picture, { stream: 'fixed', ...fixed });
    expect(told!.designCsnrDb).toBe(2);
  });

  it('runs beside a stream while somebody watches: its cliff is an event, and the stream knows nothing of it', async () => {
    const { thresholdDb } = mcsFor(10)!;
    stack.channel.update({ model: { name: 'awgn' }, snrDb: thresholdDb + 1, seed: 5 });
    const transmitter = await stack.transmitter({ stream: 'watched', digital: 'fixed' });
    const photo = await pngOf(picture);
    const send = async () => completed(await transmitter.submit({ photo, name: 'a.png' }));
    type Fact = { readonly kind: string; readonly event?: string; readonly frame?: number; readonly lost?: string };
    const facts = async (): Promise<Fact[]> => {
      const answer = await fetch(`${transmitter.httpUrl}/feed`);
      return ((await answer.json()) as { items: { fact: Fact }[] }).items.map(({ fact }) => fact);
    };
    const companions = async () =>
      (await facts())
        .filter(({ kind, event }) => kind === 'companion' || event?.startsWith('digital-') === true)
        .map(({ event, frame, lost }) => event ?? [frame, lost]);
    await send();
    expect(await companions(), 'nobody watched').toEqual([]);
    await send();
    await expect.poll(companions).toEqual([[1, undefined]]);
    stack.channel.update({ snrDb: thresholdDb - 1 });
    await send();
    await expect.poll(companions).toEqual([[1, undefined], [2, 'block-error'], 'digital-lost']);
    stack.channel.update({ snrDb: thresholdDb + 1 });
    await send();
    const all = [[1, undefined], [2, 'block-error'], 'digital-lost', [3, undefined], 'digital-regained'];
    await expect.poll(companions).toEqual(all);
    const shown = await fetch(`${transmitter.httpUrl}/pictures/3/digital`);
    expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(transmitter.status()).toMatchObject({ frames: { completed: 4, dropped: 0 } });
    const text = await transmitter.metrics.text();
    expect(text).toMatch(/^semcast_frames_total\{[^}]*outcome="completed"[^}]*\} 4$/m);
    expect(text).not.toContain('decoder="digital"');
    await transmitter.close();
  });

  it('gives the same pictures whoever else sends', async () => {
    const { thresholdDb } = MCS_TABLE[mcsFor(10)!.index]!;
    stack.channel.update({ model: { name: 'rician-slow', kFactorDb: 12 }, snrDb: thresholdDb + 2, seed: 4 });
    const alone = await sendFrames(stack, picture, { stream: 'shared', ...digital, count: 4 });
    const [shared] = await Promise.all([
      sendFrames(stack, picture, { stream: 'shared', ...digital, count: 4 }),
      sendFrames(stack, testPicture(96, 96, 5), { stream: 'other', ...digital, count: 4 }),
      sendFrames(stack, testPicture(96, 96, 6), { stream: 'analogue', count: 4 }),
    ]);
    for (const [i, frame] of alone.entries()) {
      expect(shared[i]!.lost).toBe(frame.lost);
      expect(Buffer.compare(shared[i]!.decoded.data, frame.decoded.data)).toBe(0);
    }
  });

  it('refuses options that it does not have, and a blind estimate, of which QAM tells no phase', async () => {
    const photo = await pngOf(picture);
    const dropped = async (input: object) => {
      const transmitter = await stack.transmitter({ ...digital, ...input });
      return await transmitter.submit({ photo });
    };
    expect(await dropped({ decoderOptions: { format: 'bmp' } })).toMatchObject({
      reason: 'invalid-frame',
      detail: expect.stringMatching(/options of decoder "digital" are wrong.*avif/s) as string,
    });
    expect(await dropped({ waveformOptions: { estimator: 'blind' } })).toMatchObject({
      reason: 'invalid-frame',
      detail: expect.stringContaining('QAM symbols') as string,
    });
  });
});
