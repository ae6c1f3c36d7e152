import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { randomFor } from '@semcast/core';
import { interleave } from '@semcast/phy';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import type { ReceiverConfigInput, ReceiverService } from '../src/index.js';
import {
  type Client,
  connect,
  eventually,
  type FrameOptions,
  getJson,
  makeFrame,
  makePicture,
  metric,
  startReceiver,
  TOY_DIGEST,
  toySymbols,
} from './helpers.js';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

async function start(
  input: ReceiverConfigInput = {},
  changes = {},
): Promise<{ receiver: ReceiverService; client: Client }> {
  const receiver = await startReceiver(input);
  closers.push(() => receiver.close());
  const client = connect(receiver.wsUrl, changes);
  closers.push(() => client.link.close());
  return { receiver, client };
}

async function send(client: Client, frame: number, options: FrameOptions = {}) {
  const sent = makeFrame(frame, options);
  await client.link.send(sent);
  await client.link.idle();
  return sent;
}

describe('a frame', () => {
  it('comes back as the picture that it carries, with everything that is known of it', async () => {
    const { receiver, client } = await start();
    const { picture } = await send(client, 0, { picture: makePicture(12, 8) });
    const [result] = client.results;
    expect(result!.payload).toEqual(picture.data);
    expect(result!.head).toMatchObject({
      stream: 'cam-1',
      frame: 0,
      stage: 'final',
      decoder: 'jscc',
      image: { format: 'raw', width: 12, height: 8 },
      steps: 0,
      residual: null,
    });
    expect(result!.head.csnrDb.estimated).toBeTypeOf('number');
    const { queue, preview, decode, deliver, total } = result!.head.timingsMs;
    expect(preview).toBeLessThanOrEqual(decode);
    expect(queue + decode + deliver!).toBeCloseTo(total, 6);
    expect(await metric(receiver.httpUrl, 'semcast_frames_total{stage="receiver",outcome="completed"}')).toBe(1);
    for (const stage of ['queue', 'demodulate', 'preview', 'decode', 'encode-image', 'deliver']) {
      expect(await metric(receiver.httpUrl, `semcast_frame_latency_seconds_count{stage="${stage}"}`), stage).toBe(1);
    }
    expect(await metric(receiver.httpUrl, 'semcast_inference_seconds_count{graph="decoder"}')).toBe(1);
    expect(await metric(receiver.httpUrl, 'semcast_snr_db{kind="estimated"}')).toBeTypeOf('number');
    expect(await metric(receiver.httpUrl, 'semcast_sessions')).toBe(1);
    expect(await metric(receiver.httpUrl, 'semcast_scheduler_queue_depth')).toBe(0);
    expect(await metric(receiver.httpUrl, 'semcast_scheduler_batch_size_count')).toBe(1);
    expect(await metric(receiver.httpUrl, 'semcast_wire_bytes_total{direction="in"}')).toBeGreaterThan(12 * 8 * 12);
  });

  it.each([
    [1, 1],
    [5, 3],
    [4, 20_000],
  ])('of %i×%i pixels is padded to the stride and cropped back', async (width, height) => {
    const { client } = await start({ residual: false });
    const padded = makePicture(Math.ceil(width / 4) * 4, Math.ceil(height / 4) * 4);
    await send(client, 0, { picture: padded, width, height });
    const [result] = client.results;
    expect(result!.head.image).toEqual({ format: 'raw', width, height });
    const expected = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      return padded.data[3 * (y * padded.width + x) + (i % 3)]!;
    });
    expect(result!.payload).toEqual(expected);
  });

  it('is equalised with the gains that travel with it, interleaved or not', async () => {
    const { receiver, client } = await start();
    const gains = { coherence: 5, values: new Float32Array(2 * 20) };
    randomFor({ seed: 1, stream: 'test', frame: 0, purpose: 'gains' }).fillNormal(gains.values);
    for (const interleaved of [false, true]) {
      const picture = makePicture(8, 8, 7);
      const symbols = toySymbols(picture);
      const air = interleaved ? interleave(symbols) : symbols;
      const iq = new Float32Array(air.length);
      for (let k = 0; k < air.length / 2; k++) {
        const block = 2 * Math.floor(k / gains.coherence);
        const [hI, hQ] = [gains.values[block]!, gains.values[block + 1]!];
        iq[2 * k] = hI * air[2 * k]! - hQ * air[2 * k + 1]!;
        iq[2 * k + 1] = hI * air[2 * k + 1]! + hQ * air[2 * k]!;
      }
      await send(client, interleaved ? 1 : 0, {
        picture,
        iq,
        channel: { taps: [{ delay: 0, gains }], noiseVariance: 1e-9 },
        interleaved,
        impairment: { model: 'rayleigh-block', snrDb: 80, seed: 0 },
      });
      const result = client.results.at(-1);
      expect(result!.payload).toEqual(picture.data);
      expect(result!.head.csnrDb).toMatchObject({ configured: 80 });
      expect(result!.head.csnrDb.measured).toBeGreaterThan(80);
      // A deep fade: what is left after equalisation is less, and nothing is called an estimate.
      expect(result!.head.csnrDb.effective).toBeLessThan(result!.head.csnrDb.measured!);
      expect(result!.head.csnrDb.estimated).toBeNull();
    }
    const snr = async (kind: string): Promise<number | undefined> =>
      await metric(receiver.httpUrl, `semcast_snr_db{kind="${kind}"}`);
    expect(await snr('configured')).toBe(80);
    expect(await snr('measured')).toBeGreaterThan(80);
    expect([await snr('effective'), await snr('estimated')]).toEqual([expect.any(Number), undefined]);

    // The newest frame brings no channel state: what the ones before it told is not shown as its own.
    await send(client, 2, { csi: 'none', impairment: { model: 'awgn', snrDb: 80, seed: 0 } });
    expect(client.results.at(-1)!.head.csnrDb).toEqual({ configured: 80, estimated: expect.any(Number) as number });
    expect([await snr('measured'), await snr('effective')]).toEqual([undefined, undefined]);
    expect(await snr('estimated')).toBeTypeOf('number');
  });

  it('carries its measurement residual where it waits for it: 1 where the noise variance explains what the picture does not', async () => {
    const { receiver, client } = await start({ residualFirst: true });
    // An offset on I that rounding to 8 bits takes away again: mean|y - E(x̂)|² is its square.
    const offset = 0.003;
    const picture = makePicture(8, 8);
    const iq = toySymbols(picture).map((value, i) => (i % 2 === 0 ? value + offset : value));
    const noiseVariance = offset ** 2;
    await send(client, 0, { picture, iq, impairment: { model: 'awgn', snrDb: 10, seed: 0, noiseVariance } });
    await send(client, 1, {
      picture,
      iq,
      impairment: { model: 'awgn', snrDb: 10, seed: 0, noiseVariance: noiseVariance / 4 },
    });
    expect(client.results.map(({ payload }) => payload)).toEqual([picture.data, picture.data]);
    const residuals = client.results.map(({ head }) => head.residual!);
    expect(residuals[0]).toBeCloseTo(1, 1);
    expect(residuals[1]! / residuals[0]!).toBeCloseTo(4, 3);
    expect(await metric(receiver.httpUrl, 'semcast_measurement_residual_ratio_count{decoder="jscc"}')).toBe(2);
    expect(await metric(receiver.httpUrl, 'semcast_frame_latency_seconds_count{stage="residual"}')).toBe(2);
  });

  it('goes before its residual, which metrics and live feed are told when a worker had the time', async () => {
    const { receiver, client } = await start();
    const impairment = { model: 'awgn', snrDb: 10, seed: 0, noiseVariance: 0.1 };
    await send(client, 0, { impairment });
    expect(client.results[0]!.head.residual).toBeNull();
    await eventually(async () =>
      expect(await metric(receiver.httpUrl, 'semcast_measurement_residual_ratio_count{decoder="jscc"}')).toBe(1),
    );
    const { body } = await getJson(`${receiver.httpUrl}/feed`);
    const { items } = body as { items: readonly { fact: { kind: string } }[] };
    expect(items.map(({ fact }) => fact)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'decoded', frame: 0, residual: null }),
        { kind: 'residual', stream: 'cam-1', frame: 0, decoder: 'jscc', residual: expect.any(Number) as number },
      ]),
    );
    // It is no part of the frame's time.
    expect(await metric(receiver.httpUrl, 'semcast_frame_latency_seconds_count{stage="residual"}')).toBeUndefined();
    expect(receiver.status().queue).toMatchObject({ waiting: 0, decoding: 0, residuals: 0 });
  });

  it('has no residual where nobody wants it', async () => {
    const { receiver, client } = await start({ residual: false });
    await send(client, 0, { impairment: { model: 'awgn', snrDb: 10, seed: 0, noiseVariance: 0.1 } });
    expect(client.results[0]!.head.residual).toBeNull();
    expect(await metric(receiver.httpUrl, 'semcast_inference_seconds_count{graph="encoder"}')).toBeUndefined();
  });

  it.each(['png', 'webp'] as const)('comes back as %s without loss', async (format) => {
    const { client } = await start({}, { result: { format } });
    const { picture } = await send(client, 0);
    const { head, payload } = client.results[0]!;
    expect(head.image).toEqual({ format, width: 8, height: 8 });
    const { data, info } = await sharp(payload).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 8, height: 8, channels: 3 });
    expect(new Uint8Array(data)).toEqual(picture.data);
  });

  it('is written to the output folder, whole', async () => {
    const outputDir = await mkdtemp(path.join(tmpdir(), 'semcast-receiver-'));
    closers.push(() => rm(outputDir, { recursive: true }));
    const { client } = await start(
      { outputDir: path.join(outputDir, 'made', 'for-it') },
      { result: { format: 'png' } },
    );
    await send(client, 3);
    const folder = path.join(outputDir, 'made', 'for-it');
    expect(await readdir(folder)).toEqual(['cam-1-3.png']);
    expect(new Uint8Array(await readFile(path.join(folder, 'cam-1-3.png')))).toEqual(client.results[0]!.payload);
  });
});

describe('a frame that can not be decoded', () => {
  const unreal = { coherence: 96, values: new Float32Array([Number.NaN, 0]) };
  const cases: [string, FrameOptions, string, string][] = [
    ['another bundle', { bundleDigest: 'f'.repeat(64) }, 'wrong-bundle', TOY_DIGEST.slice(0, 12)],
    ['an unknown decoder', { decoder: 'magic' }, 'unknown-decoder', 'jscc'],
    ['an unknown decoder option', { decoderOptions: { steps: 3 } }, 'invalid-frame', 'steps'],
    ['an unknown rate', { cbr: '1/3' }, 'unknown-rate', '1/4, 1/2'],
    ['more pixels than it may', { width: 4096, height: 4096 + 4 }, 'image-too-large', '16777216'],
    ['a wrong number of samples', { width: 12 }, 'invalid-frame', '144 channel uses'],
    ['a wrong number of channel uses', { channelUses: 7 }, 'invalid-frame', '7'],
    ['samples that are no numbers', { iq: new Float32Array(192).fill(Number.NaN) }, 'invalid-frame', 'samples'],
    [
      'gains that are no numbers',
      { channel: { taps: [{ delay: 0, gains: unreal }], noiseVariance: 0.1 } },
      'invalid-frame',
      'gains',
    ],
    ['an unknown waveform', { waveform: 'smoke-signals' }, 'invalid-frame', 'there are single-carrier'],
    ['an unknown option of its waveform', { waveformOptions: { pilots: 4 } }, 'invalid-frame', 'pilots'],
    [
      'an oracle that is told nothing',
      { waveform: 'ofdm', waveformOptions: { estimator: 'genie' } },
      'invalid-frame',
      'genie channel state',
    ],
  ];

  it.each(cases)('(%s) is dropped with its reason, and the next one decoded', async (_, options, reason, message) => {
    const { receiver, client } = await start();
    await send(client, 0, options);
    expect(client.drops).toMatchObject([{ frame: 0, reason }]);
    expect(client.drops[0]!.detail).toContain(message);
    await send(client, 1);
    expect(client.results).toHaveLength(1);
    expect(await metric(receiver.httpUrl, `semcast_dropped_frames_total{reason="${reason}"}`)).toBe(1);
    expect(await metric(receiver.httpUrl, 'semcast_frames_total{stage="receiver",outcome="dropped"}')).toBe(1);
  });

  it('(too wide for WebP) is dropped before it is decoded', async () => {
    const { client } = await start({}, { result: { format: 'webp' } });
    await send(client, 0, { picture: makePicture(20_000, 4) });
    expect(client.drops).toMatchObject([{ reason: 'image-too-large' }]);
    expect(client.drops[0]!.detail).toContain('PNG');
  });
});

describe('GET', () => {
  it('/status tells what the receiver is and does', async () => {
    const { receiver, client } = await start({ creditsPerStream: 3 });
    await send(client, 0);
    const { status, body } = await getJson(`${receiver.httpUrl}/status`);
    expect(status).toBe(200);
    await eventually(() => expect(receiver.status().streams.unacknowledged).toBe(0));
    expect(body).toMatchObject({
      service: 'receiver',
      decoders: ['jscc', 'digital'],
      bundle: { name: 'toy', digest: TOY_DIGEST, rates: ['1/4', '1/2'], csnrDb: { min: 0, max: 20 } },
      device: 'cpu',
      workers: 1,
      sessions: 1,
      streams: { known: 1, window: 3, linked: [{ stream: 'cam-1', agent: 'test', decoder: 'jscc' }] },
      queue: { waiting: 0, decoding: 0, bytes: 0, pixels: 0, maxPixels: 2 * 4096 * 4096 },
      scheduler: { frames: 0, totals: { offered: 1, finished: 1, steps: 0 } },
    });
    expect((await getJson(`${receiver.httpUrl}/readyz`)).body).toEqual({ ready: true, reasons: [] });
  });
});
