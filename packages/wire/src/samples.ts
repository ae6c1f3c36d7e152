/** Complex samples as payload bytes and back: cf32_le and ci16_le, from any alignment, on any byte order. */
import { endianness } from 'node:os';
import { ArgumentError, type ComplexVector } from '@semcast/core';
import { FrameError } from './errors.js';
import type { FrameHead, SampleFormat, SamplesHead } from './heads.js';

const LITTLE_ENDIAN = endianness() === 'LE';
const CI16_MAX = 32767;

/** The bytes of one complex sample. */
export const SAMPLE_BYTES: Readonly<Record<SampleFormat, number>> = { cf32_le: 8, ci16_le: 4 };

/** Samples ready to be sent: their bytes, and what the head says of them. */
export interface EncodedSamples {
  readonly bytes: Uint8Array;
  readonly samples: SamplesHead;
}

/** Complex gains of a channel: that of sample k is values[floor(k / coherence)]. */
export interface ChannelGains {
  readonly values: ComplexVector;
  readonly coherence: number;
}

/** What a frame carries. */
export interface FrameIq {
  readonly samples: ComplexVector;
  /** The true channel gains, where the channel gave them (genie channel state). */
  readonly gains: ChannelGains | null;
}

/**
 * Complex samples as bytes.
 *
 * `cf32_le` is a view of the samples' own memory (on little-endian machines): don't change them until they are sent.
 * `ci16_le` rounds each part to 16 bits; the scale is the largest magnitude / 32767 unless given, and the error is
 * at most scale/2 a part. Parts beyond a given scale saturate.
 *
 * @param samples interleaved I, Q; at least one complex sample.
 * @throws ArgumentError on an odd length, no samples, a scale that is not positive, or (ci16_le) a part that is not finite.
 */
export function iqToBytes(
  samples: ComplexVector,
  format: SampleFormat,
  options: { scale?: number } = {},
): EncodedSamples {
  if (samples.length === 0 || samples.length % 2 !== 0) {
    throw new ArgumentError(`${samples.length} numbers are no complex samples`, {
      remedy: 'pass interleaved I, Q, I, Q, … with at least one pair',
    });
  }
  const count = samples.length / 2;
  if (format === 'cf32_le') {
    return { bytes: float32ToBytes(samples), samples: { format, count } };
  }
  const scale = options.scale ?? ci16Scale(samples);
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw new ArgumentError(`${scale} is no scale for ci16_le samples`, {
      remedy: 'pass finite samples, or a positive scale',
    });
  }
  const parts = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const value = Math.round(samples[i]! / scale);
    // NaN fails both comparisons of a clamp, and would silently become 0.
    if (Number.isNaN(value)) {
      throw new ArgumentError(`part ${i} of the samples is not a number`, { remedy: 'pass finite samples' });
    }
    parts[i] = value > CI16_MAX ? CI16_MAX : value < -CI16_MAX ? -CI16_MAX : value;
  }
  const bytes = new Uint8Array(parts.buffer);
  if (!LITTLE_ENDIAN) {
    swapBytes(bytes, 2);
  }
  return { bytes, samples: { format, count, scale } };
}

/** The smallest scale at which no part saturates; 1 when all parts are 0. */
function ci16Scale(samples: ComplexVector): number {
  let largest = 0;
  for (let i = 0; i < samples.length; i++) {
    const magnitude = Math.abs(samples[i]!);
    if (!(magnitude <= largest)) {
      largest = magnitude;
    }
  }
  return largest === 0 ? 1 : largest / CI16_MAX;
}

/**
 * Bytes as complex samples.
 *
 * A view where cf32_le bytes are aligned to 4, a copy where they are not; always new memory for ci16_le.
 *
 * @throws FrameError `E_FRAME_PAYLOAD` when there are fewer or more bytes than `samples.count` needs.
 */
export function bytesToIq(bytes: Uint8Array, samples: SamplesHead): ComplexVector {
  const expected = samples.count * SAMPLE_BYTES[samples.format];
  if (bytes.byteLength !== expected) {
    throw new FrameError(
      'E_FRAME_PAYLOAD',
      `${samples.count} ${samples.format} samples have ${expected} bytes, not ${bytes.byteLength}`,
    );
  }
  if (samples.format === 'cf32_le') {
    return bytesToFloat32(bytes);
  }
  const parts = int16View(bytes);
  const values = new Float32Array(parts.length);
  const { scale } = samples;
  for (let i = 0; i < values.length; i++) {
    values[i] = parts[i]! * scale;
  }
  return values;
}

/**
 * The samples and gains of a frame.
 *
 * @throws FrameError `E_FRAME_PAYLOAD` when the payload is not as long as the head says ({@link decodeFrame} has checked that already).
 */
export function readIq({ head, payload }: { readonly head: FrameHead; readonly payload: Uint8Array }): FrameIq {
  const sampleBytes = head.samples.count * SAMPLE_BYTES[head.samples.format];
  const samples = bytesToIq(payload.subarray(0, sampleBytes), head.samples);
  const gains = head.impairment?.gains;
  if (gains === undefined) {
    return { samples, gains: null };
  }
  const values = bytesToIq(payload.subarray(sampleBytes), { format: 'cf32_le', count: gains.count });
  return { samples, gains: { values, coherence: gains.coherence } };
}

/**
 * The payload of a frame, in parts that are sent one behind the other without being joined, and the `samples` of its
 * head. Give `gains` when they go into the head's `impairment.gains` too.
 */
export function iqPayload(
  iq: { readonly samples: ComplexVector; readonly gains?: ChannelGains | null },
  format: SampleFormat,
): { readonly payload: readonly Uint8Array[]; readonly samples: SamplesHead } {
  const { bytes, samples } = iqToBytes(iq.samples, format);
  return { payload: iq.gains ? [bytes, iqToBytes(iq.gains.values, 'cf32_le').bytes] : [bytes], samples };
}

/** How many bytes the payload of a frame with this head has. */
export function framePayloadBytes(head: FrameHead): number {
  const gains = head.impairment?.gains?.count ?? 0;
  return head.samples.count * SAMPLE_BYTES[head.samples.format] + gains * SAMPLE_BYTES.cf32_le;
}

function float32ToBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return LITTLE_ENDIAN ? bytes : swapBytes(new Uint8Array(bytes), 4);
}

function bytesToFloat32(bytes: Uint8Array): Float32Array {
  const own = LITTLE_ENDIAN ? aligned(bytes, 4) : swapBytes(new Uint8Array(bytes), 4);
  return new Float32Array(own.buffer, own.byteOffset, own.byteLength / 4);
}

function int16View(bytes: Uint8Array): Int16Array {
  const own = LITTLE_ENDIAN ? aligned(bytes, 2) : swapBytes(new Uint8Array(bytes), 2);
  return new Int16Array(own.buffer, own.byteOffset, own.byteLength / 2);
}

/** The bytes themselves where a typed array of this width can lie over them, else a copy. */
function aligned(bytes: Uint8Array, width: number): Uint8Array {
  // Not bytes.slice(): on a Buffer that is a view again.
  return bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
}

function swapBytes(bytes: Uint8Array, width: 2 | 4): Uint8Array {
  for (let i = 0; i + width <= bytes.length; i += width) {
    bytes.subarray(i, i + width).reverse();
  }
  return bytes;
}
