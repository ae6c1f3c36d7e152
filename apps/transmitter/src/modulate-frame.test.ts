import { meanPower, randomFor } from '@semcast/core';
import { deinterleave } from '@semcast/phy';
import { bytesToIq } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { modulateFrame } from './modulate-frame.js';

/** Thirty complex symbols of unit power on average. */
function someSymbols(): Float32Array {
  const symbols = new Float32Array(60);
  randomFor({ seed: 1, stream: 'test', frame: 0, purpose: 'symbols' }).fillNormal(symbols, Math.SQRT1_2);
  return symbols;
}

const plain = { waveform: 'single-carrier', interleave: false, sampleFormat: 'cf32_le' } as const;

describe('modulateFrame', () => {
  it.each([true, false])('is what the receiver undoes (interleaved: %s)', (interleaved) => {
    const sent = someSymbols();
    const { payload, head } = modulateFrame(sent, { ...plain, interleave: interleaved });
    expect(head).toEqual({
      waveform: 'single-carrier',
      interleaved,
      samples: { format: 'cf32_le', count: 30 },
      channelUses: 30,
    });
    const samples = bytesToIq(Buffer.concat(payload), head.samples);
    expect(interleaved ? deinterleave(samples) : samples).toEqual(sent);
  });

  it('spreads neighbours when interleaving', () => {
    const sent = someSymbols();
    const [inOrder, spread] = [false, true].map((interleave) => modulateFrame(sent, { ...plain, interleave }));
    expect(Buffer.concat(spread!.payload).equals(Buffer.concat(inOrder!.payload))).toBe(false);
  });

  it('names a waveform with its options, and refuses one that there is none of', () => {
    const sent = someSymbols();
    const { head } = modulateFrame(sent, { ...plain, waveformOptions: {} });
    expect(head).toMatchObject({ waveform: 'single-carrier', waveformOptions: {} });
    expect(() => modulateFrame(sent, { ...plain, waveform: 'smoke-signals' })).toThrow(
      'there is no waveform "smoke-signals"; there are single-carrier',
    );
    expect(() => modulateFrame(sent, { ...plain, waveformOptions: { pilots: 4 } })).toThrow(/pilots/);
  });

  it('quantises to half the bytes, to within the scale', () => {
    const sent = someSymbols();
    const { payload, head } = modulateFrame(sent, { ...plain, sampleFormat: 'ci16_le' });
    const bytes = Buffer.concat(payload);
    expect(bytes.length).toBe(30 * 4);
    const samples = bytesToIq(bytes, head.samples);
    expect(head.samples.format).toBe('ci16_le');
    const exact = bytesToIq(Buffer.concat(modulateFrame(sent, plain).payload), { format: 'cf32_le', count: 30 });
    const scale = head.samples.format === 'ci16_le' ? head.samples.scale : Number.NaN;
    expect(samples.every((value, i) => Math.abs(value - exact[i]!) <= scale / 2 + 1e-6)).toBe(true);
    expect(Math.abs(meanPower(samples) - meanPower(exact))).toBeLessThan(1e-3);
  });
});
