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

describe('modulateFrame', () => {
  it.each([true, false])('is what the receiver undoes (interleaved: %s)', (interleaved) => {
    const encoded = encodedImage();
    const { payload, head } = modulateFrame(encoded, { interleave: interleaved, sampleFormat: 'cf32_le' });
    expect(head).toEqual({
      waveform: { kind: 'single-carrier', interleaved },
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
    const plain = modulateFrame(encoded, { interleave: false, sampleFormat: 'cf32_le' });
    const spread = modulateFrame(encoded, { interleave: true, sampleFormat: 'cf32_le' });
    expect(Buffer.concat(spread.payload).equals(Buffer.concat(plain.payload))).toBe(false);
  });

  it('quantises to half the bytes, to within the scale', () => {
    const encoded = encodedImage();
    const { payload, head } = modulateFrame(encoded, { interleave: false, sampleFormat: 'ci16_le' });
    const bytes = Buffer.concat(payload);
    expect(bytes.length).toBe(30 * 4);
    const samples = bytesToIq(bytes, head.samples);
    expect(head.samples.format).toBe('ci16_le');
    const exact = bytesToIq(
      Buffer.concat(modulateFrame(encoded, { interleave: false, sampleFormat: 'cf32_le' }).payload),
      { format: 'cf32_le', count: 30 },
    );
    const scale = head.samples.format === 'ci16_le' ? head.samples.scale : Number.NaN;
    expect(samples.every((value, i) => Math.abs(value - exact[i]!) <= scale / 2 + 1e-6)).toBe(true);
    expect(Math.abs(meanPower(samples) - meanPower(exact))).toBeLessThan(1e-3);
  });
});
