import type { RgbImage } from '@semcast/core';
import { iqToBytes } from '@semcast/wire';
import { cleanFrames, type EncodedPhoto } from '../../src/load/corpus.js';
import type { RateProfile } from '../../src/load/rate-profile.js';
import { runLoad, type LoadRun, type LoadSettings, type LoadTools } from '../../src/load/run-load.js';

/** A black picture of 8×8 pixels, with samples that a fake receiver doesn't look at. */
export function fakePhoto(): EncodedPhoto {
  const original: RgbImage = { width: 8, height: 8, data: new Uint8Array(3 * 64) };
  const { bytes, samples } = iqToBytes(new Float32Array(16).fill(Math.SQRT1_2), 'cf32_le');
  return {
    name: 'black.png',
    original,
    payload: [bytes],
    head: {
      width: 8,
      height: 8,
      cbr: '1/24',
      channelUses: samples.count,
      designCsnrDb: 10,
      waveform: 'single-carrier',
      interleaved: true,
      samples,
      bundleDigest: 'fake-digest',
    },
  };
}

/** Run a load of black pictures at a constant rate; the default is no warm-up. */
export function runFakeLoad(
  rate: number | RateProfile,
  settings: Pick<LoadSettings, 'to'> & Partial<LoadSettings>,
  tools: Partial<LoadTools> = {},
): Promise<LoadRun> {
  return runLoad(
    rate,
    {
      token: undefined,
      prefix: 'load',
      streams: 1,
      sockets: settings.streams ?? 1,
      weights: [1],
      profile: null,
      arrivals: 'constant',
      decoder: 'jscc',
      decoderOptions: {},
      waveform: 'single-carrier',
      csi: 'genie',
      deadlineMs: null,
      cbr: '1/24',
      size: 0,
      images: ['black.png'],
      bundle: { name: 'fake', version: '1', digest: 'fake-digest' },
      designCsnrDb: 10,
      resultFormat: 'raw',
      backlog: 32,
      seed: 0,
      warmupS: 0,
      durationS: 0.5,
      drainS: 30,
      waitMs: 30_000,
      ...settings,
    },
    {
      photos: [fakePhoto()],
      makeFrame: cleanFrames({ decoder: 'jscc', csi: 'genie' }),
      signal: new AbortController().signal,
      ...tools,
    },
  );
}
