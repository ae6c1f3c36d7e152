/** Complex samples as payload bytes and back: cf32_le and ci16_le, from any alignment, on any byte order. */
import { endianness } from 'node:os';
import { ArgumentError, type ChannelState, type ComplexVector, type Tap } from '@semcast/core';
import { FrameError } from './errors.js';
import type { FrameHead, ImpairmentHead, SampleFormat, SamplesHead } from './heads.js';

const LITTLE_ENDIAN = endianness() === 'LE';
const CI16_MAX = 32767;

/** The bytes of one complex sample. */
export const SAMPLE_BYTES: Readonly<Record<SampleFormat, number>> = { cf32_le: 8, ci16_le: 4 };

/** Samples ready to be sent: their bytes, and what the head says of them. */
export interface EncodedSamples {
  readonly bytes: Uint8Array;
  readonly samples: SamplesHead;
}

/** The content of a frame. */
export interface FrameIq {
  readonly samples: ComplexVector;
  /** The channel that the frame met, where the channel sends it (genie channel state). */
  readonly channel: ChannelState | null;
}

/**
 * Complex samples as bytes.
 *
 * `cf32_le` is a view of the samples' own memory (on little-endian machines): don't change them until they are sent.
 * `ci16_le` rounds each part to 16 bits; the scale is the largest magnitude / 32767, and the error at most scale/2 a part.
 *
 * @param samples interleaved I, Q; at least one complex sample.
 * @throws ArgumentError on an odd length, no samples, or (ci16_le) a part that is not finite.
 */
export function iqToBytes(samples: ComplexVector, format: SampleFormat): EncodedSamples {
  if (samples.length === 0 || samples.length % 2 !== 0) {
    throw new ArgumentError(`${samples.length} numbers are no complex samples`, {
      remedy: 'pass interleaved I, Q, I, Q, … with at least one pair',
    });
  }
  const count = samples.length / 2;
  if (format === 'cf32_le') {
    return { bytes: float32ToBytes(samples), samples: { format, count } };
  }
  const scale = ci16Scale(samples);
  const parts = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const value = Math.round(samples[i]! / scale);
    // It would silently become 0.
    if (Number.isNaN(value)) {
      throw new ArgumentError(`part ${i} of the samples is not a number`, { remedy: 'pass finite samples' });
    }
    parts[i] = value;
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
 * The samples of a frame, and the channel that they met.
 *
 * @throws FrameError `E_FRAME_PAYLOAD` when the payload is not as long as the head says ({@link decodeFrame} has checked that already).
 */
export function readIq({ head, payload }: { readonly head: FrameHead; readonly payload: Uint8Array }): FrameIq {
  const sampleBytes = head.samples.count * SAMPLE_BYTES[head.samples.format];
  const samples = bytesToIq(payload.subarray(0, sampleBytes), head.samples);
  const { noiseVariance, taps: told } = head.impairment ?? {};
  if (noiseVariance === undefined) {
    return { samples, channel: null };
  }
  let rest = payload.subarray(sampleBytes);
  const taps = told?.map(({ delay, coherence, count }): Tap => {
    const bytes = count * SAMPLE_BYTES.cf32_le;
    const values = bytesToIq(rest.subarray(0, bytes), { format: 'cf32_le', count });
    rest = rest.subarray(bytes);
    return { delay, gains: { coherence, values } };
  });
  return { samples, channel: { taps: taps ?? null, noiseVariance } };
}

/**
 * The payload of a frame, in parts that are sent one behind the other without being joined, and the `samples` of its
 * head; for a receiver that is told the channel, with the gains of its taps and its part of the head's `impairment`.
 */
export function iqPayload(
  iq: { readonly samples: ComplexVector; readonly channel?: ChannelState | null },
  format: SampleFormat,
): {
  readonly payload: readonly Uint8Array[];
  readonly samples: SamplesHead;
  readonly genie: Pick<ImpairmentHead, 'noiseVariance' | 'taps'>;
} {
  const { bytes, samples } = iqToBytes(iq.samples, format);
  const { taps = null, noiseVariance } = iq.channel ?? {};
  const payload = [bytes, ...(taps ?? []).map(({ gains }) => iqToBytes(gains.values, 'cf32_le').bytes)];
  const genie = {
    ...(noiseVariance === undefined ? {} : { noiseVariance }),
    ...(taps === null ? {} : { taps: taps.map(tapHead) }),
  };
  return { payload, samples, genie };
}

function tapHead({ delay, gains: { coherence, values } }: Tap) {
  return { delay, coherence, count: values.length / 2 };
}

/** How many bytes the payload of a frame with this head has. */
export function framePayloadBytes(head: FrameHead): number {
  const gains = (head.impairment?.taps ?? []).reduce((sum, tap) => sum + tap.count, 0);
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
