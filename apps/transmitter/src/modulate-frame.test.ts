import { meanPower, randomFor, tensor } from '@semcast/core';
import { deinterleave, symbolsToLatent } from '@semcast/phy';
import { bytesToIq } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { modulateFrame } from './modulate-frame.js';

/** A latent [1, 8, 3, 5] of which four channels are active. */
function encodedImage() {
  const data = new Float32Array(8 * 15);
  randomFor({ seed: 1, stream: 'test', frame: 0, purpose: 'latent' }).fillNormal(
    data.subarray(0, 4 * 15),
    Math.SQRT1_2,
  );
  return { latent: tensor(data, [1, 8, 3, 5]), activeChannels: 4, positions: 15, channelUses: 30 };
}

const plain = { waveform: 'single-carrier', interleave: false, sampleFormat: 'cf32_le' } as const;

describe('modulateFrame', () => {
  it.each([true, false])('is what the receiver undoes (interleaved: %s)', (interleaved) => {
    const encoded = encodedImage();
    const { payload, head } = modulateFrame(encoded, { ...plain, interleave: interleaved });
    expect(head).toEqual({
      waveform: 'single-carrier',
      interleaved,
      samples: { format: 'cf32_le', count: 30 },
      channelUses: 30,
    });
    const samples = bytesToIq(Buffer.concat(payload), head.samples);
    const symbols = interleaved ? deinterleave(samples) : samples;
    const latent = symbolsToLatent(symbols, { channels: 8, positions: 15, activeChannels: 4 });
    expect(latent).toEqual(encoded.latent.data);
  });

  it('spreads neighbours when interleaving', () => {
    const encoded = encodedImage();
    const [inOrder, spread] = [false, true].map((interleave) => modulateFrame(encoded, { ...plain, interleave }));
    expect(Buffer.concat(spread!.payload).equals(Buffer.concat(inOrder!.payload))).toBe(false);
  });

  it('names a waveform with its options, and refuses one that there is none of', () => {
    const encoded = encodedImage();
    const { head } = modulateFrame(encoded, { ...plain, waveformOptions: {} });
    expect(head).toMatchObject({ waveform: 'single-carrier', waveformOptions: {} });
    expect(() => modulateFrame(encoded, { ...plain, waveform: 'smoke-signals' })).toThrow(
      'there is no waveform "smoke-signals"; there are single-carrier',
    );
    expect(() => modulateFrame(encoded, { ...plain, waveformOptions: { pilots: 4 } })).toThrow(/pilots/);
  });

  it('quantises to half the bytes, to within the scale', () => {
    const encoded = encodedImage();
    const { payload, head } = modulateFrame(encoded, { ...plain, sampleFormat: 'ci16_le' });
    const bytes = Buffer.concat(payload);
    expect(bytes.length).toBe(30 * 4);
    const samples = bytesToIq(bytes, head.samples);
    expect(head.samples.format).toBe('ci16_le');
    const exact = bytesToIq(Buffer.concat(modulateFrame(encoded, plain).payload), { format: 'cf32_le', count: 30 });
    const scale = head.samples.format === 'ci16_le' ? head.samples.scale : Number.NaN;
    expect(samples.every((value, i) => Math.abs(value - exact[i]!) <= scale / 2 + 1e-6)).toBe(true);
    expect(Math.abs(meanPower(samples) - meanPower(exact))).toBeLessThan(1e-3);
  });
});
