import { ArgumentError } from '@semcast/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameHeadWith } from '../test/fixtures.js';
import { decodeFrame, encodeFrame } from './frame.js';
import { bytesToIq, framePayloadBytes, iqPayload, iqToBytes, readIq } from './samples.js';

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });
const complexVector = fc
  .array(fc.tuple(float32, float32), { minLength: 1, maxLength: 100 })
  .map((pairs) => Float32Array.from(pairs.flat()));

/** The same bytes at an odd address. */
function misaligned(bytes: Uint8Array): Uint8Array {
  const moved = new Uint8Array(bytes.length + 1);
  moved.set(bytes, 1);
  return moved.subarray(1);
}

describe('cf32_le', () => {
  it('keeps every bit, from any alignment', () => {
    fc.assert(
      fc.property(complexVector, (samples) => {
        const { bytes, samples: head } = iqToBytes(samples, 'cf32_le');
        expect(head).toEqual({ format: 'cf32_le', count: samples.length / 2 });
        expect(bytesToIq(bytes, head)).toEqual(samples);
        expect(bytesToIq(misaligned(bytes), head)).toEqual(samples);
        expect(bytesToIq(Buffer.from(misaligned(bytes)), head)).toEqual(samples);
      }),
    );
  });

  it('is little-endian I, Q', () => {
    expect(Buffer.from(iqToBytes(new Float32Array([1, -2]), 'cf32_le').bytes).toString('hex')).toBe('0000803f000000c0');
  });

  it('is a view where it can be, and a copy where it must be', () => {
    const samples = new Float32Array([1, 2, 3, 4]);
    const { bytes, samples: head } = iqToBytes(samples.subarray(2), 'cf32_le');
    expect(bytes.buffer).toBe(samples.buffer);
    expect(bytes.byteOffset).toBe(8);
    expect(bytesToIq(bytes, head).buffer).toBe(samples.buffer);
    const moved = misaligned(bytes);
    expect(bytesToIq(moved, head).buffer).not.toBe(moved.buffer);
    const pooled = Buffer.from(misaligned(bytes));
    const odd = Buffer.concat([Buffer.from([0]), pooled]).subarray(1);
    expect(bytesToIq(odd, head)).toEqual(new Float32Array([3, 4]));
  });

  it('carries what is not finite, which the receiver judges', () => {
    const { bytes, samples } = iqToBytes(new Float32Array([Number.NaN, Infinity]), 'cf32_le');
    expect(bytesToIq(bytes, samples)).toEqual(new Float32Array([Number.NaN, Infinity]));
  });
});

describe('ci16_le', () => {
  it('errs by half a step at most, and reaches the largest part', () => {
    fc.assert(
      fc.property(complexVector, (samples) => {
        const { bytes, samples: head } = iqToBytes(samples, 'ci16_le');
        if (head.format !== 'ci16_le') {
          throw new Error('format');
        }
        expect(bytes.length).toBe(2 * samples.length);
        for (const copy of [bytes, misaligned(bytes)]) {
          const back = bytesToIq(copy, head);
          samples.forEach((value, i) => {
            // Float32 rounds the product once more.
            const tolerance = head.scale / 2 + Math.abs(value) * 2 ** -23 + 2 ** -149;
            expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(tolerance);
          });
        }
        const largest = samples.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        const integers = new Int16Array(bytes.slice().buffer);
        const reached = integers.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        expect(reached).toBe(largest === 0 ? 0 : 32767);
      }),
    );
  });

  it('is little-endian', () => {
    const { bytes, samples } = iqToBytes(new Float32Array([32767, -1, 0.5, 256]), 'ci16_le');
    expect(Buffer.from(bytes).toString('hex')).toBe('ff7fffff01000001');
    expect(samples).toEqual({ format: 'ci16_le', count: 2, scale: 1 });
  });

  it('says when samples are not finite', () => {
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      for (const samples of [
        [bad, 1],
        [1, bad],
        [1, 1, bad, 2],
      ]) {
        expect(() => iqToBytes(Float32Array.from(samples.length % 2 ? [...samples, 0] : samples), 'ci16_le')).toThrow(
          ArgumentError,
        );
      }
    }
  });
});

describe('lengths', () => {
  it('that are no complex samples are refused', () => {
    for (const length of [0, 1, 3]) {
      expect(() => iqToBytes(new Float32Array(length), 'cf32_le')).toThrow('are no complex samples');
    }
    for (const length of [0, 7, 9, 16]) {
      expect(() => bytesToIq(new Uint8Array(length), { format: 'cf32_le', count: 1 })).toThrow(
        expect.objectContaining({ name: 'FrameError', code: 'E_FRAME_PAYLOAD' }),
      );
    }
    expect(() => bytesToIq(new Uint8Array(8), { format: 'ci16_le', count: 1, scale: 1 })).toThrow(
      expect.objectContaining({ name: 'FrameError', code: 'E_FRAME_PAYLOAD' }),
    );
  });
});

describe('a frame', () => {
  const slow = { delay: 0, gains: { values: new Float32Array([0.5, 0.5, -1, 2]), coherence: 2 } };
  const echo = { delay: 2, gains: { values: new Float32Array([0.1, 0, 0, 0.2, -0.1, 0]), coherence: 1 } };
  it.each(['cf32_le', 'ci16_le'] as const)('carries samples and what they met as %s', (format) => {
    const samples = new Float32Array([1, -1, 0.5, 0.25, 0, 1]);
    const channel = { taps: [slow, echo], noiseVariance: 0.125 };
    const { payload, samples: head, genie } = iqPayload({ samples, channel }, format);
    expect(genie).toEqual({
      noiseVariance: 0.125,
      taps: [
        { delay: 0, coherence: 2, count: 2 },
        { delay: 2, coherence: 1, count: 3 },
      ],
    });
    const frame = frameHeadWith(0, 3, {
      csi: 'genie',
      samples: head,
      impairment: { model: 'two-paths', snrDb: 10, seed: 1, ...genie },
    });
    expect(framePayloadBytes(frame)).toBe(payload.reduce((sum, { length }) => sum + length, 0));
    const decoded = decodeFrame(encodeFrame('frame', frame, payload));
    if (decoded.kind !== 'frame') {
      throw new Error('kind');
    }
    const iq = readIq(decoded);
    expect(iq.channel).toEqual(channel);
    iq.samples.forEach((value, i) => expect(value).toBeCloseTo(samples[i]!, 4));
  });

  it('whose gain is always 1 carries N0 alone, and one that is told nothing has no channel', () => {
    const iq = { samples: new Float32Array([1, 2]), channel: { taps: null, noiseVariance: 0.5 } };
    const { payload, samples, genie } = iqPayload(iq, 'cf32_le');
    expect([payload.length, genie]).toEqual([1, { noiseVariance: 0.5 }]);
    const impairment = { model: 'awgn', snrDb: 3, seed: 0, ...genie };
    const head = frameHeadWith(0, 1, { samples, impairment });
    expect(readIq({ head, payload: payload[0]! })).toEqual(iq);
    const { impairment: _, ...untold } = head;
    expect(readIq({ head: untold, payload: payload[0]! }).channel).toBeNull();
    expect(iqPayload({ samples: iq.samples }, 'cf32_le').genie).toEqual({});
  });
});
