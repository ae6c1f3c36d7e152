/** fast-check arbitraries of valid messages: every kind, every optional field, values at their limits. */
import { printable } from '@semcast/core';
import * as fc from 'fast-check';
import {
  CSI_MODES,
  DROP_REASONS,
  LOST_REASONS,
  LINK_ROLES,
  MAX_CREDITS,
  MAX_TEXT_LENGTH,
  RESULT_FORMATS,
  RESULT_STAGES,
  SAMPLE_FORMATS,
  type FrameHead,
  type Heads,
  type MessageKind,
} from '../src/heads.js';
import { PROTOCOL_VERSION } from '../src/limits.js';
import { framePayloadBytes } from '../src/samples.js';

const streamId = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
/** Any text without control characters, which are not let through, within a number of UTF-16 units. */
const text = (maxLength: number, minLength = 0) =>
  fc
    .string({ unit: 'grapheme', minLength, maxLength })
    .map(printable)
    .filter((s) => s.length >= minLength && s.length <= maxLength);
const name = text(64, 1);
const count = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1));
const side = fc.integer({ min: 1, max: 1_000_000 });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x));
const nonNegative = finite.map(Math.abs);
const cbr = fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 })).map(([a, b]) => `${a}/${a + b}`);
const credits = fc.integer({ min: 1, max: MAX_CREDITS });

const samples = fc.oneof(
  fc.record({ format: fc.constant('cf32_le' as const), count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    format: fc.constant('ci16_le' as const),
    count: fc.integer({ min: 1, max: 40 }),
    scale: nonNegative.filter((x) => x > 0),
  }),
);

const options = fc.dictionary(
  // msgpackr renames this one key, which no honest client uses.
  name.filter((key) => key !== '__proto__'),
  fc.oneof(finite, text(256), fc.boolean()),
  { maxKeys: 20, noNullPrototype: true },
);

const genieImpairment = (sampleCount: number) =>
  fc.integer({ min: 1, max: 50 }).chain((coherence) =>
    fc.record(
      {
        model: name,
        snrDb: finite,
        seed: count,
        noiseVariance: nonNegative,
        taps: fc.array(
          count.map((delay) => ({ delay, coherence, count: Math.ceil(sampleCount / coherence) })),
          { minLength: 1, maxLength: 3 },
        ),
      },
      { requiredKeys: ['model', 'snrDb', 'seed', 'noiseVariance'] },
    ),
  );

const frame: fc.Arbitrary<FrameHead> = fc
  .record(
    {
      stream: streamId,
      frame: count,
      width: side,
      height: side,
      cbr,
      channelUses: fc.integer({ min: 1, max: 2 ** 40 }),
      designCsnrDb: finite,
      decoder: name,
      decoderOptions: options,
      deadlineMs: nonNegative.filter((x) => x > 0),
      csi: fc.constantFrom(...CSI_MODES),
      waveform: name,
      waveformOptions: options,
      interleaved: fc.boolean(),
      samples,
      bundleDigest: text(128, 1),
    },
    {
      requiredKeys: [
        'stream',
        'frame',
        'width',
        'height',
        'cbr',
        'channelUses',
        'designCsnrDb',
        'decoder',
        'csi',
        'waveform',
        'interleaved',
        'samples',
        'bundleDigest',
      ],
    },
  )
  .chain((head) => {
    const plain = fc.record({ model: name, snrDb: finite, seed: count });
    const impairment = head.csi === 'genie' ? fc.oneof(plain, genieImpairment(head.samples.count)) : plain;
    return fc.oneof(
      fc.constant(head),
      impairment.map((chosen) => Object.assign({}, head, { impairment: chosen })),
    );
  });

const heads: { readonly [Kind in MessageKind]: fc.Arbitrary<Heads[Kind]> } = {
  hello: fc.record(
    {
      protocol: fc.constant(PROTOCOL_VERSION),
      token: text(200),
      stream: streamId,
      run: streamId,
      attempt: count,
      role: fc.constantFrom(...LINK_ROLES),
      client: name,
      agent: text(64),
      decoder: name,
      csi: fc.constantFrom(...CSI_MODES),
      sampleFormat: fc.constantFrom(...SAMPLE_FORMATS),
      result: fc.record({ format: fc.constantFrom(...RESULT_FORMATS) }),
    },
    {
      requiredKeys: [
        'protocol',
        'stream',
        'run',
        'attempt',
        'role',
        'agent',
        'decoder',
        'csi',
        'sampleFormat',
        'result',
      ],
    },
  ),
  welcome: fc.record({
    protocol: fc.constant(PROTOCOL_VERSION),
    credits,
    limits: fc.record({
      maxPayloadBytes: fc.integer({ min: 1, max: 2 ** 40 }),
      maxImagePixels: fc.integer({ min: 1, max: 2 ** 40 }),
    }),
    decoders: fc.array(name, { maxLength: 64 }),
    bundle: fc.record({ name: text(128), version: text(64), digest: text(128) }),
  }),
  frame,
  result: fc.record(
    {
      stream: streamId,
      frame: count,
      stage: fc.constantFrom(...RESULT_STAGES),
      decoder: name,
      image: fc.record({
        format: fc.constantFrom(...RESULT_FORMATS),
        width: fc.integer({ min: 1, max: 20 }),
        height: fc.integer({ min: 1, max: 20 }),
      }),
      steps: count,
      csnrDb: fc.record(
        { configured: finite, measured: finite, estimated: fc.option(finite) },
        { requiredKeys: ['estimated'] },
      ),
      residual: fc.option(nonNegative),
      timingsMs: fc.record({ queue: nonNegative, preview: nonNegative, decode: nonNegative, total: nonNegative }),
      reducedSteps: fc.boolean(),
      lost: fc.constantFrom(...LOST_REASONS),
    },
    {
      requiredKeys: ['stream', 'frame', 'stage', 'decoder', 'image', 'steps', 'csnrDb', 'residual', 'timingsMs'],
    },
  ),
  drop: fc.record({
    stream: streamId,
    frame: count,
    reason: fc.constantFrom(...DROP_REASONS),
    detail: text(MAX_TEXT_LENGTH),
  }),
  ack: fc.record({ stream: streamId, frame: count }),
  credit: fc.record({ credits }),
  error: fc.record({ code: text(64, 1), message: text(MAX_TEXT_LENGTH), remedy: text(MAX_TEXT_LENGTH) }),
  bye: fc.record({ stream: streamId }),
};

/** A message as a sender has it: one of all kinds, the payload cut into any pieces. */
export interface MessageInput {
  readonly kind: MessageKind;
  readonly head: Heads[MessageKind];
  readonly payload: Uint8Array;
}

function payloadBytes(kind: MessageKind, head: Heads[MessageKind]): fc.Arbitrary<number> {
  if (kind === 'frame') {
    return fc.constant(framePayloadBytes(head as FrameHead));
  }
  if (kind === 'result') {
    const { image } = head as Heads['result'];
    return image.format === 'raw' ? fc.constant(3 * image.width * image.height) : fc.integer({ min: 1, max: 200 });
  }
  return fc.constant(0);
}

const kinds = Object.keys(heads) as MessageKind[];

export const message: fc.Arbitrary<MessageInput> = fc
  .constantFrom(...kinds)
  .chain((kind) => (heads[kind] as fc.Arbitrary<Heads[MessageKind]>).map((head) => ({ kind, head })))
  .chain(({ kind, head }) =>
    payloadBytes(kind, head)
      .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
      .map((payload) => ({ kind, head, payload })),
  );

/** The bytes cut at any places into one piece or more, some of them empty. */
export function cut(bytes: Uint8Array): fc.Arbitrary<Uint8Array[]> {
  return fc.array(fc.nat(bytes.length), { maxLength: 5 }).map((cuts) => {
    const sorted = [0, ...cuts.sort((a, b) => a - b), bytes.length];
    return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end));
  });
}
