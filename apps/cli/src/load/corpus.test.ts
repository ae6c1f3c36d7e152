import { createChannel, parseChannelConfig } from '@semcast/channel-models';
import { bytesToIq, iqToBytes, readIq } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { cleanFrames, noisyFrames, type EncodedPhoto } from './corpus.js';

const symbols = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
const { bytes, samples } = iqToBytes(symbols, 'cf32_le');
const photo: EncodedPhoto = {
  name: 'waves.png',
  original: { width: 8, height: 8, data: new Uint8Array(192) },
  payload: [bytes],
  head: {
    width: 8,
    height: 8,
    cbr: '1/6',
    channelUses: 32,
    designCsnrDb: 7,
    waveform: 'single-carrier',
    interleaved: true,
    samples,
    bundleDigest: 'digest',
  },
};
const id = { stream: 'load-1', frame: 41 };
const terms = { decoder: 'jscc', csi: 'genie' as const, deadlineMs: 2000, decoderOptions: { steps: 4 } };

describe('frames of a load run', () => {
  it('are the same samples under other heads', () => {
    const { head, payload } = cleanFrames(terms)(photo, id);
    expect(head).toEqual({ ...photo.head, ...terms, ...id });
    expect(payload).toBe(photo.payload);
  });

  it('meet the noise of a channel with that seed where there is no channel', () => {
    const { head, payload } = noisyFrames(terms, { snrDb: 3, seed: 9 })(photo, id);
    const config = parseChannelConfig({ snr: { name: 'constant', snrDb: 3 }, seed: 9 });
    const outcome = createChannel(config).impairFrame(symbols, id);
    expect(outcome).toMatchObject({ lost: false, channel: { taps: null } });
    const expected = outcome.lost ? undefined : outcome;
    const [received] = payload as Uint8Array[];
    expect(readIq({ head, payload: received! })).toEqual({ samples: expected!.samples, channel: expected!.channel });
    const { noiseVariance } = expected!.channel;
    expect(head.impairment).toEqual({ model: 'awgn', snrDb: 3, seed: 9, noiseVariance });
    // What will be sent again is as it was.
    expect(bytesToIq(photo.payload[0]!, samples)).toEqual(symbols);
    const next = noisyFrames(terms, { snrDb: 3, seed: 9 })(photo, { ...id, frame: 42 });
    expect(next.payload).not.toEqual(payload);
  });
});
