/** Whatever is submitted, and whatever becomes of it: exactly one outcome, and it says what happened. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InferenceError } from '@semcast/bundle';
import { measureQuality, psnr } from '@semcast/quality';
import { readIq, type Delivery } from '@semcast/wire';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createFakeEncoder } from './support/fake-encoder.js';
import { readPhoto, summariseOutcome, type CompletedFrame } from '../src/index.js';
import type { CsnrFigures } from '../src/outcome.js';
import {
  encodedPicture,
  FAKE_CSNR_DB,
  finish,
  pictureOf,
  previewOf,
  resultOf,
  sample,
} from './support/fake-receiver.js';
import { photo, photoFolder, receiver, temporaryFolder, transmitter, until } from './support/harness.js';

const whole = { size: 0, maxImagePixels: 1e9 };

describe('a photograph that comes back', () => {
  it.each(['png', 'webp', 'raw'] as const)('is measured and described (%s)', async (resultFormat) => {
    const far = await receiver();
    const { transmitter: near, outcomes, encoder } = await transmitter(far.url, { resultFormat, stream: 'cam-1' });
    const png = await photo(3, { width: 200, height: 180 });
    const outcome = await near.submit({ photo: png, name: 'hill.png' });
    if (outcome.kind !== 'completed') {
      throw new Error(outcome.detail);
    }
    const original = await readPhoto(png, whole);
    const decoded = pictureOf(far.frames[0]!);
    expect([...outcome.decoded.data]).toEqual([...decoded.data]);
    expect([...outcome.original.data]).toEqual([...original.data]);
    expect(summariseOutcome(outcome)).toMatchObject({
      ...measureQuality(original, decoded),
      kind: 'completed',
      stream: 'cam-1',
      frame: 0,
      name: 'hill.png',
      width: 200,
      height: 180,
      channelUses: 25 * 23 * 8,
      cbr: '1/24',
      channelBandwidthRatio: (25 * 23 * 8) / (3 * 200 * 180),
      decoder: 'jscc',
      steps: 0,
      reducedSteps: false,
      metrics: {},
      residual: 1.02,
      designCsnrDb: 10,
      csnrDb: FAKE_CSNR_DB,
      previewMs: 2,
      decodeMs: 3,
      previewLatencyMs: null,
      previewPsnrDb: null,
      evaluations: null,
      samplingMs: null,
      imageFormat: resultFormat,
      imageBytes: outcome.received.length,
    });
    expect(JSON.parse(JSON.stringify(summariseOutcome(outcome)))).toEqual(summariseOutcome(outcome));
    const parts = Object.values(outcome.timingsMs);
    expect(parts.every((milliseconds) => milliseconds >= 0)).toBe(true);
    expect(Math.abs(parts.reduce((sum, part) => sum + part) - outcome.endToEndMs)).toBeLessThan(5);
    expect(outcomes).toEqual([outcome]);
    expect(encoder.encoded).toEqual([{ width: 200, height: 180, csnrDb: 10, cbr: '1/24' }]);
  });

  it('has figures only where the picture is large enough for them', async () => {
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url);
    expect(await near.submit({ photo: await photo(0, { width: 1, height: 1 }) })).toMatchObject({
      kind: 'completed',
      width: 1,
      height: 1,
      channelUses: 8,
      ssim: null,
      msSsim: null,
      psnrDb: expect.any(Number) as number,
    });
    expect(await near.submit({ photo: await photo(0, { width: 64, height: 64 }) })).toMatchObject({
      ssim: expect.any(Number) as number,
      msSsim: null,
    });
  });

  it('travels as the request says where it differs from the configuration', async () => {
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url, {
      sampleFormat: 'ci16_le',
      interleave: false,
      csi: 'none',
      deadlineMs: 9000,
      size: 16,
      decoder: 'other',
      decoderOptions: { steps: 4 },
    });
    const request = { cbr: ' 1 / 12', designCsnrDb: 3, frame: 41 };
    await near.submit({ photo: await photo(), ...request });
    await near.submit({ photo: await photo() });
    const [first, second] = far.frames;
    expect(first).toMatchObject({
      frame: 41,
      width: 16,
      height: 16,
      cbr: '1/12',
      designCsnrDb: 3,
      decoder: 'other',
      decoderOptions: { steps: 4 },
      csi: 'none',
      deadlineMs: 9000,
      waveform: 'single-carrier',
      interleaved: false,
      samples: { format: 'ci16_le', count: 64 },
      bundleDigest: 'fake-digest',
    });
    expect(second).toMatchObject({ frame: 42, cbr: '1/24', decoder: 'other' });
    expect(far.hellos[0]).toMatchObject({
      role: 'transmitter',
      decoder: 'other',
      csi: 'none',
      sampleFormat: 'ci16_le',
      result: { format: 'png' },
    });
  });

  it('is encoded for what the receiver measured last', async () => {
    let told: CsnrFigures = { estimated: 15.5 };
    const far = await receiver({
      answer: (delivery) => {
        void encodedPicture(delivery).then((payload) =>
          delivery.finish(resultOf(delivery.head, delivery.hello, { csnrDb: told }), payload),
        );
      },
    });
    const { transmitter: near, encoder } = await transmitter(far.url);
    await near.submit({ photo: await photo() });
    told = { estimated: null };
    await near.submit({ photo: await photo() });
    told = { measured: 12, effective: 11, estimated: null };
    await near.submit({ photo: await photo() });
    told = { estimated: 33 };
    await near.submit({ photo: await photo() });
    await near.submit({ photo: await photo() });
    await near.submit({ photo: await photo(), designCsnrDb: 4 });
    expect(encoder.encoded.map(({ csnrDb }) => csnrDb)).toEqual([10, 15.5, 15.5, 11, 20, 4]);
    expect(far.frames.map(({ designCsnrDb }) => designCsnrDb)).toEqual([10, 15.5, 15.5, 11, 20, 4]);
  });

  it('is written to the output folder as it came, or as PNG where it came raw', async () => {
    const outputDir = join(await temporaryFolder(), 'made', 'on demand');
    for (const resultFormat of ['png', 'raw'] as const) {
      const far = await receiver();
      const { transmitter: near } = await transmitter(far.url, {
        outputDir,
        resultFormat,
        stream: `as-${resultFormat}`,
      });
      const outcome = await near.submit({ photo: await photo(), name: 'Größe & co/ferry.jpg' });
      if (outcome.kind !== 'completed') {
        throw new Error(outcome.detail);
      }
      expect(outcome.outputPath).toBe(join(outputDir, `as-${resultFormat}-000000-ferry.png`));
      const written = await readPhoto(outcome.outputPath!, whole);
      expect([...written.data]).toEqual([...outcome.decoded.data]);
      const isSame = (await readFile(outcome.outputPath!)).equals(outcome.received);
      expect(isSame).toBe(resultFormat === 'png');
    }
  });

  it('shows its previews on the way', async () => {
    const far = await receiver({ answer: (delivery) => void sample(delivery) });
    const { transmitter: near } = await transmitter(far.url);
    const seen: unknown[] = [];
    near.on('sent', ({ frame, name }) => seen.push(['sent', frame, name]));
    near.on('preview', ({ frame, stage, steps, bytes }) => seen.push([stage, frame, steps, bytes.length > 0]));
    near.on('outcome', ({ kind, frame }) => seen.push([kind, frame]));
    await near.submit({ photo: await photo(), name: 'a' });
    expect(seen).toEqual([
      ['sent', 0, 'a'],
      ['preview', 0, 0, true],
      ['intermediate', 0, 2, true],
      ['intermediate', 0, 4, true],
      ['completed', 0],
    ]);
  });

  it.each(['png', 'webp', 'raw'] as const)('tells what preview and sampling came to (%s)', async (resultFormat) => {
    const far = await receiver({ answer: (delivery) => void sample(delivery) });
    const outputDir = await temporaryFolder();
    const { transmitter: near } = await transmitter(far.url, { resultFormat, outputDir, outputPreviews: true });
    const outcome = await near.submit({ photo: await photo(3), name: 'hill.png' });
    if (outcome.kind !== 'completed') {
      throw new Error(outcome.detail);
    }
    const preview = previewOf(far.frames[0]!);
    expect(outcome).toMatchObject({ steps: 6, evaluations: 12, samplingMs: 2.5, decodeMs: 6 });
    expect(outcome.previewPsnrDb).toBe(psnr(await readPhoto(await photo(3), whole), preview));
    expect(outcome.previewPsnrDb).not.toBe(outcome.psnrDb);
    expect(outcome.previewLatencyMs).toBeGreaterThan(0);
    expect(outcome.previewLatencyMs!).toBeLessThanOrEqual(outcome.endToEndMs);
    expect(basename(outcome.previewPath!)).toMatch(/^tx-.*-000000-hill-preview\.(png|webp)$/);
    expect([...(await readPhoto(outcome.previewPath!, whole)).data]).toEqual([...preview.data]);
    expect(await near.metrics.text()).toContain('semcast_frame_latency_seconds_count{stage="preview"} 1');
  });

  it('is not lost with a preview that is none', async () => {
    const far = await receiver({
      answer: (delivery) => {
        const { head, hello } = delivery;
        delivery.preview(resultOf(head, hello, { stage: 'preview' }), Buffer.from('no picture'));
        const image = { format: hello.result.format, width: 3, height: 3 };
        delivery.preview(resultOf(head, hello, { stage: 'preview', image }), Buffer.from('of no size'));
        finish(delivery);
      },
    });
    const { transmitter: near } = await transmitter(far.url);
    const outcome = await near.submit({ photo: await photo() });
    expect(outcome).toMatchObject({ kind: 'completed', previewPsnrDb: null });
    expect((outcome as CompletedFrame).previewLatencyMs).toBeGreaterThan(0);
  });
});

describe('pictures of the newest frames', () => {
  it('can be fetched while they are under way, and afterwards', async () => {
    let release!: () => void;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const far = await receiver({
      answer: (delivery) => {
        const { head, hello } = delivery;
        const preview = encodedPicture(delivery, previewOf(head)).then((payload) =>
          delivery.preview(resultOf(head, hello, { stage: 'preview' }), payload),
        );
        void Promise.all([preview, released]).then(() => finish(delivery));
      },
    });
    const { transmitter: near } = await transmitter(far.url, { resultFormat: 'raw' });
    const pixelsAt = async (path: string): Promise<number[]> => {
      const answer = await fetch(`${near.httpUrl}${path}`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
      return [...(await readPhoto(new Uint8Array(await answer.arrayBuffer()), whole)).data];
    };
    const pictures = async (): Promise<unknown> =>
      ((await (await fetch(`${near.httpUrl}/stream`)).json()) as { pictures: unknown }).pictures;
    const sent = near.submit({ photo: await photo(5), name: 'hill' });
    await until(() => near.status().pictures[0]?.pictures.length === 2, 'the preview');
    expect(await pictures()).toEqual([
      {
        frame: 0,
        name: 'hill',
        width: 32,
        height: 24,
        decoder: 'jscc',
        state: 'under-way',
        pictures: [
          { stage: 'original', steps: 0 },
          { stage: 'preview', steps: 0 },
        ],
      },
    ]);
    const original = [...(await readPhoto(await photo(5), whole)).data];
    expect(await pixelsAt('/pictures/0/original')).toEqual(original);
    expect(await pixelsAt('/pictures/0/preview')).toEqual([...previewOf(far.frames[0]!).data]);
    expect((await fetch(`${near.httpUrl}/pictures/0/final`)).status).toBe(404);
    release();
    await sent;
    expect(near.status().pictures).toMatchObject([{ state: 'completed' }]);
    expect(await pixelsAt('/pictures/0/final')).toEqual([...pictureOf(far.frames[0]!).data]);
    expect(await pixelsAt('/pictures/0/original')).toEqual(original);
  });

  it.each(['/pictures/1/original', '/pictures/0/nothing', '/pictures/x/final', '/pictures/-1/final'])(
    'there is none at %s',
    async (path) => {
      const far = await receiver();
      const { transmitter: near } = await transmitter(far.url);
      await near.submit({ photo: await photo() });
      const answer = await fetch(`${near.httpUrl}${path}`);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ error: { code: 'E_NOT_FOUND' } });
    },
  );

  it('are not kept where nobody wants them', async () => {
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url, { keepPictures: 0 });
    await near.submit({ photo: await photo() });
    expect(near.status().pictures).toEqual([]);
    expect((await fetch(`${near.httpUrl}/pictures/0/final`)).status).toBe(404);
  });
});

describe('a photograph that does not', () => {
  it('is dropped with its cause and remedy, and the next one goes through', async () => {
    const far = await receiver();
    const folder = await temporaryFolder();
    const { transmitter: near, outcomes } = await transmitter(far.url, { maxImagePixels: 1_000_000 });
    await writeFile(join(folder, 'empty.jpg'), '');
    await writeFile(join(folder, 'story.txt'), 'once upon a time');
    const panorama = await sharp({ create: { width: 20_000, height: 1000, channels: 3, background: '#345' } })
      .png()
      .toBuffer();
    const results = await Promise.all([
      near.submit({ photo: join(folder, 'empty.jpg') }),
      near.submit({ photo: join(folder, 'story.txt') }),
      near.submit({ photo: join(folder, 'absent.jpg') }),
      near.submit({ photo: panorama, name: 'panorama' }),
      near.submit({ photo: await photo(), cbr: '1/7' }),
      near.submit({ photo: await photo() }),
    ]);
    expect(
      results.map((outcome) => (outcome.kind === 'dropped' ? [outcome.reason, outcome.name] : outcome.kind)),
    ).toEqual([
      ['unreadable-image', 'empty.jpg'],
      ['unreadable-image', 'story.txt'],
      ['unreadable-image', 'absent.jpg'],
      ['image-too-large', 'panorama'],
      ['unknown-rate', 'frame-4'],
      'completed',
    ]);
    const details = results.map((outcome) => (outcome.kind === 'dropped' ? outcome.detail : ''));
    expect(details[0]).toMatch(/empty\.jpg is empty \(0 bytes\) — replace it.*\[E_PHOTO_UNREADABLE\]/);
    expect(details[2]).toMatch(/absent\.jpg doesn't exist — check the path/);
    expect(details[3]).toMatch(/20000 × 1000 = 20000000 pixels; the limit is 1000000 — send it smaller \(--size N\)/);
    expect(details[4]).toMatch(/no rate 1\/7 — use one of/);
    expect(outcomes).toHaveLength(6);
    expect(far.frames).toHaveLength(1);
  });

  it('crosses as 20,000 pixels where both sides allow it, and is refused where the receiver does not', async () => {
    const strip = await sharp({ create: { width: 20_000, height: 20, channels: 3, background: '#345' } })
      .png()
      .toBuffer();
    const generous = await receiver();
    const { transmitter: wide } = await transmitter(generous.url);
    expect(await wide.submit({ photo: strip })).toMatchObject({ kind: 'completed', width: 20_000, height: 20 });
    const pixels = await receiver({ limits: { maxImagePixels: 399_999 } });
    const { transmitter: second } = await transmitter(pixels.url);
    expect(await second.submit({ photo: strip })).toMatchObject({ kind: 'dropped', reason: 'image-too-large' });
    const bytes = await receiver({ limits: { maxPayloadBytes: 10_000 } });
    const { transmitter: third } = await transmitter(bytes.url);
    expect(await third.submit({ photo: strip })).toMatchObject({
      reason: 'image-too-large',
      detail: expect.stringContaining('more than the 10000') as string,
    });
    expect([pixels.frames.length, bytes.frames.length]).toEqual([0, 0]);
  });

  it('has the reason of channel or receiver when they dropped it', async () => {
    const far = await receiver({ answer: (delivery) => delivery.drop('channel-loss', 'it faded away') });
    const { transmitter: near, outcomes } = await transmitter(far.url);
    const dropped = { kind: 'dropped', frame: 0, name: 'x', reason: 'channel-loss', detail: 'it faded away' };
    expect(await near.submit({ photo: await photo(), name: 'x' })).toMatchObject(dropped);
    expect(outcomes).toHaveLength(1);
    const text = await near.metrics.text();
    expect(text).toContain('semcast_frames_total{stage="transmitter",outcome="dropped"} 1');
    // Whoever decides a drop counts its reason: here that was not the transmitter.
    expect(text).not.toContain('semcast_dropped_frames_total{');
  });

  it.each([
    ['bytes that are no picture', () => ({}), Buffer.from('no picture')],
    ['a picture of another size', () => ({ image: { format: 'png' as const, width: 9, height: 9 } }), undefined],
    ['a file of another size than its head says', () => ({}), 'small'],
  ])('is dropped as decode-failed when %s came back', async (_, change, bytes) => {
    const small = await photo(0, { width: 5, height: 5 });
    const far = await receiver({
      answer: (delivery: Delivery) => {
        const payload = bytes === 'small' ? small : (bytes ?? small);
        delivery.finish(resultOf(delivery.head, delivery.hello, change()), payload as Buffer);
      },
    });
    const { transmitter: near } = await transmitter(far.url);
    expect(await near.submit({ photo: await photo() })).toMatchObject({ kind: 'dropped', reason: 'decode-failed' });
    expect(await near.metrics.text()).toContain('semcast_dropped_frames_total{reason="decode-failed"} 1');
  });

  it('is given up after giveUpMs, on the way or without a link, and a late result changes nothing', async () => {
    const held: Delivery[] = [];
    const far = await receiver({ answer: (delivery) => held.push(delivery) });
    const { transmitter: near, outcomes } = await transmitter(far.url, { giveUpMs: 400 });
    expect(await near.submit({ photo: await photo() })).toMatchObject({
      reason: 'gave-up',
      detail: expect.stringContaining('no outcome came within 400 ms') as string,
    });
    await until(() => held.length === 1, 'the frame');
    finish(held[0]!);
    await until(() => far.streams.stored === 0, 'the acknowledgement');
    expect(await near.submit({ photo: await photo(), signal: AbortSignal.timeout(60) })).toMatchObject({
      reason: 'cancelled',
    });
    expect(outcomes).toHaveLength(2);
  });

  it('is refused when its number is none or used', async () => {
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url);
    await near.submit({ photo: await photo(), frame: 3 });
    for (const frame of [3, -1, 0.5, Number.NaN]) {
      await expect(near.submit({ photo: await photo(), frame })).rejects.toMatchObject({ code: 'E_FRAME_NUMBER' });
    }
    expect(await near.submit({ photo: await photo() })).toMatchObject({ frame: 4 });
  });
});

describe('photographs of every kind', () => {
  it('cross as upright RGB, each with its own size', async () => {
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url);
    const colour = sharp(await photo(1, { width: 48, height: 32 }));
    const kinds: [string, Promise<Buffer>, number, number][] = [
      ['grey', colour.clone().toColourspace('b-w').png().toBuffer(), 48, 32],
      ['CMYK', colour.clone().toColourspace('cmyk').jpeg().toBuffer(), 48, 32],
      ['transparent', colour.clone().ensureAlpha(0.4).webp().toBuffer(), 48, 32],
      ['16-bit', colour.clone().toColourspace('rgb16').png().toBuffer(), 48, 32],
      ['lying on its side', colour.clone().withMetadata({ orientation: 8 }).jpeg().toBuffer(), 32, 48],
      ['palette', colour.clone().gif().toBuffer(), 48, 32],
      ['one pixel', colour.clone().resize(1, 1).tiff().toBuffer(), 1, 1],
    ];
    for (const [name, bytes, width, height] of kinds) {
      const outcome = await near.submit({ photo: await bytes, name });
      expect(summariseOutcome(outcome)).toMatchObject({ kind: 'completed', name, width, height });
      const { original, decoded } = outcome as CompletedFrame;
      expect([original.data.length, decoded.data.length]).toEqual([3 * width * height, 3 * width * height]);
      expect(measureQuality(original, decoded).psnrDb).toBe((outcome as CompletedFrame).psnrDb);
    }
  });
});

describe('every submitted frame', () => {
  it('ends in exactly one outcome, whatever the receiver does', async () => {
    const far = await receiver({
      credits: 5,
      answer: (delivery) => {
        const { frame } = delivery.head;
        setTimeout(
          () => {
            if (frame % 7 === 3) {
              delivery.drop('decode-failed', 'bad luck');
            } else {
              finish(delivery);
            }
          },
          (frame * 13) % 23,
        );
      },
    });
    const { transmitter: near, outcomes } = await transmitter(far.url);
    const pictures = await Promise.all([0, 1, 2].map((i) => photo(i)));
    const submitted = Array.from({ length: 60 }, (_, i) =>
      near.submit({ photo: i % 11 === 5 ? new Uint8Array(i) : pictures[i % 3]! }),
    );
    const results = await Promise.all(submitted);
    expect(outcomes.map(({ frame }) => frame).sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i));
    for (const outcome of results) {
      expect(outcomes).toContain(outcome);
      const reason = outcome.kind === 'dropped' ? outcome.reason : 'completed';
      const { frame } = outcome;
      expect(reason).toBe(frame % 11 === 5 ? 'unreadable-image' : frame % 7 === 3 ? 'decode-failed' : 'completed');
    }
    const { completed, dropped } = near.status().frames;
    expect([completed, dropped, near.status().frames.inFlight]).toEqual([
      results.filter(({ kind }) => kind === 'completed').length,
      results.filter(({ kind }) => kind === 'dropped').length,
      0,
    ]);
  });

  it('survives listeners that throw', async () => {
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url);
    for (const event of ['sent', 'outcome', 'state'] as const) {
      near.on(event, () => {
        throw new Error('my own fault');
      });
    }
    expect(await near.submit({ photo: await photo() })).toMatchObject({ kind: 'completed' });
    expect(await near.submit({ photo: await photo() })).toMatchObject({ kind: 'completed' });
  });
});

describe('pixels on the air', () => {
  it('are the encoder latent, interleaved, at unit power', async () => {
    let power = 0;
    const far = await receiver({
      answer: (delivery) => {
        const { samples } = readIq(delivery);
        power = (2 * samples.reduce((sum, value) => sum + value * value, 0)) / samples.length;
        finish(delivery);
      },
    });
    const { transmitter: near } = await transmitter(far.url);
    await near.submit({ photo: await photo(0, { width: 256, height: 256 }) });
    expect(Math.abs(power - 1)).toBeLessThan(0.05);
  });
});

describe('a photograph that this machine had no means for just then', () => {
  it.each([
    ['its encoder died', new InferenceError('an inference worker died (exit code 139)', { workerDied: true }), true],
    ['no file could be opened', Object.assign(new Error('too many open files'), { code: 'EMFILE' }), true],
    ['its encoder refused it', new InferenceError('the graph "encoder" failed: bad shape'), false],
  ])(
    'is dropped, and sent again with the same journal unless that is its own fault: %s',
    async (_what, error, again) => {
      const far = await receiver();
      const journal = join(await temporaryFolder(), 'journal.jsonl');
      const config = { source: [await photoFolder(2)], loop: false, journal };
      const encoder = createFakeEncoder();
      let failures = 0;
      const failing = {
        ...encoder,
        encode: (...args: Parameters<typeof encoder.encode>) =>
          failures++ === 0 ? Promise.reject(error) : encoder.encode(...args),
      };
      const first = await transmitter(far.url, config, failing);
      await first.transmitter.finished;
      expect(first.outcomes.filter(({ kind }) => kind === 'dropped')).toMatchObject([{ reason: 'encode-failed' }]);
      await first.transmitter.close();
      const second = await transmitter(far.url, config);
      await second.transmitter.finished;
      expect(second.outcomes.map(({ kind }) => kind)).toEqual(again ? ['completed'] : []);
    },
  );
});
