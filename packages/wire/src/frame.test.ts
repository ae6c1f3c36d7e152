import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { cut, message } from '../test/arbitraries.js';
import { frameHead, frameHeadWith, heads, resultHead } from '../test/fixtures.js';
import { crc32 } from './crc.js';
import { FrameError } from './errors.js';
import { decodeFrame, encodeFrame, encodeFrameParts, joinFrame } from './frame.js';
import { MESSAGE_KINDS, type Heads, type MessageKind } from './heads.js';
import { MAX_HEAD_BYTES, PROTOCOL_VERSION } from './limits.js';

interface GoldenVector {
  readonly name: string;
  readonly kind: MessageKind;
  readonly head: Heads[MessageKind];
  readonly payload: string;
  readonly message: string;
  readonly encodes: boolean;
}

const goldenVectors = JSON.parse(
  readFileSync(new URL('../test/golden-vectors.json', import.meta.url), 'utf8'),
) as GoldenVector[];

/** The error that `action` throws. */
function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** A message with any bytes as its head, and everything else right. */
function messageWithHead(kind: number, head: Uint8Array, payload = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(16 + head.length + payload.length);
  bytes.write('SC');
  bytes[2] = PROTOCOL_VERSION;
  bytes[3] = kind;
  bytes.writeUInt32LE(head.length, 4);
  bytes.writeUInt32LE(payload.length, 8);
  bytes.set(head, 16);
  bytes.set(payload, 16 + head.length);
  return withChecksum(bytes);
}

function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12))), 12);
  return bytes;
}

/** Any value as a head: packed as it is, padded. */
function headOf(value: unknown): Uint8Array {
  const packed = new Packr({ useRecords: false }).pack(value);
  return Buffer.concat([Buffer.alloc(-packed.length & 7, 0xc1), packed]);
}

const framePayload = new Uint8Array(16).map((_, i) => i);
const frameBytes = Buffer.from(encodeFrame('frame', frameHead, framePayload));

describe('golden vectors', () => {
  it.each(goldenVectors)('$name', ({ kind, head, payload, message: hex, encodes }) => {
    const decoded = decodeFrame(Buffer.from(hex, 'hex'));
    expect(decoded.kind).toBe(kind);
    expect(decoded.head).toEqual(head);
    expect(Buffer.from(decoded.payload).toString('hex')).toBe(payload);
    // A vector in longer forms than ours is for reading only: what is read from it is written shorter.
    const encoded = Buffer.from(encodeFrame(kind, head, Buffer.from(payload, 'hex'))).toString('hex');
    expect(encoded === hex).toBe(encodes);
  });

  it('cover every kind', () => {
    expect(new Set(goldenVectors.map(({ kind }) => kind))).toEqual(new Set(Object.keys(MESSAGE_KINDS)));
  });
});

describe('round trips', () => {
  it('give back any message, whole or in any pieces, with its payload aligned', () => {
    fc.assert(
      fc.property(
        message.chain((input) =>
          fc.record({
            input: fc.constant(input),
            payloadPieces: cut(input.payload),
            cuts: fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
          }),
        ),
        ({ input: { kind, head, payload }, payloadPieces, cuts }) => {
          const parts = encodeFrameParts(kind, head, payloadPieces);
          const bytes = joinFrame(parts);
          expect(bytes.length).toBe(parts.bytes);
          expect(parts.head.length % 8).toBe(0);
          expect(Buffer.compare(bytes, encodeFrame(kind, head, payload))).toBe(0);
          const places = [...cuts.take(3)].map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b);
          const pieces = [...places, bytes.length].map((end, i) => bytes.subarray(places[i - 1] ?? 0, end));
          for (const arrived of [bytes, [bytes], pieces, [parts.head, ...parts.payload]]) {
            const decoded = decodeFrame(arrived);
            expect(decoded.kind).toBe(kind);
            expect(decoded.head).toEqual(head);
            expect(Buffer.compare(decoded.payload, payload)).toBe(0);
          }
          expect(decodeFrame(bytes).payload.byteOffset % 8).toBe(0);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('copy no payload on the way', () => {
    const parts = encodeFrameParts('frame', frameHead, framePayload);
    expect(parts.payload[0]).toBe(framePayload);
    expect(decodeFrame([parts.head, framePayload]).payload).toBe(framePayload);
    expect(decodeFrame(frameBytes).payload.buffer).toBe(frameBytes.buffer);
  });

  it('leave out optional fields that are undefined', () => {
    const head = { ...heads.hello, token: undefined };
    expect(decodeFrame(encodeFrame('hello', head)).head).toEqual(heads.hello);
  });

  it('keep a message intact while others are encoded', () => {
    const kept = Array.from({ length: 300 }, (_, i) =>
      encodeFrameParts('frame', { ...frameHead, frame: i }, framePayload),
    );
    expect(kept.map((parts) => decodeFrame([parts.head, ...parts.payload]).head)).toEqual(
      Array.from({ length: 300 }, (_, i) => ({ ...frameHead, frame: i })),
    );
  });
});

describe('broken messages', () => {
  it('random bytes give a FrameError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(thrownBy(() => decodeFrame(bytes))).toBeInstanceOf(FrameError);
      }),
      { numRuns: 3000 },
    );
  });

  it('random heads behind a right prefix and checksum give a FrameError, or a message that is valid again', () => {
    let valid = 0;
    const nearMessagePack = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Valid MessagePack of any shape.
      fc.anything({ maxDepth: 12, withBigInt: false }).map((value) => {
        try {
          return headOf(value);
        } catch {
          return new Uint8Array(0);
        }
      }),
      // A valid head with some bytes changed.
      fc
        .tuple(
          message,
          fc.array(fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)), {
            maxLength: 3,
          }),
        )
        .map(([{ kind, head, payload }, changes]) => {
          const { head: encoded } = encodeFrameParts(kind, head, payload);
          const bytes = Uint8Array.from(encoded.subarray(16));
          for (const [place, value] of changes) {
            bytes[Math.floor(place * bytes.length)] = value;
          }
          return bytes;
        }),
    );
    fc.assert(
      fc.property(nearMessagePack, fc.integer({ min: 1, max: 9 }), (head, kind) => {
        const padded = Buffer.concat([Buffer.alloc(-head.length & 7, 0xc1), head]);
        let decoded;
        try {
          decoded = decodeFrame(messageWithHead(kind, padded));
        } catch (error) {
          return error instanceof FrameError;
        }
        valid++;
        expect(decodeFrame(encodeFrame(decoded.kind, decoded.head, decoded.payload))).toEqual(decoded);
        return true;
      }),
      { numRuns: 5000 },
    );
    expect(valid).toBeGreaterThan(0);
  });

  it.each([0, -1, 0.5, null])('a gain that holds for %s samples gives a FrameError', (coherence) => {
    const impairment = {
      model: 'any',
      snrDb: 10,
      seed: 0,
      noiseVariance: 0.1,
      taps: [{ delay: 0, coherence, count: 1 }],
    };
    const bytes = messageWithHead(MESSAGE_KINDS.frame, headOf({ ...frameHead, impairment }), framePayload);
    expect(thrownBy(() => decodeFrame(bytes))).toMatchObject({ name: 'FrameError', code: 'E_FRAME_HEAD' });
  });

  it('every truncation is found, byte by byte', () => {
    for (let length = 0; length < frameBytes.length; length++) {
      const error = thrownBy(() => decodeFrame(frameBytes.subarray(0, length)));
      expect(error, `${length} bytes`).toMatchObject({ name: 'FrameError', code: 'E_FRAME_TRUNCATED' });
      expect(error).toMatchObject({ code: 'E_FRAME_TRUNCATED', closeCode: 4400 });
    }
    expect(decodeFrame(frameBytes).kind).toBe('frame');
  });

  it('every flipped bit is found', () => {
    for (let bit = 0; bit < 8 * frameBytes.length; bit++) {
      const flipped = Buffer.from(frameBytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const error = thrownBy(() => decodeFrame(flipped));
      // In the first 12 bytes, magic, version, kind or a length may be what strikes first.
      expect(error, `bit ${bit}`).toMatchObject({
        name: 'FrameError',
        ...(bit < 8 * 12 ? {} : { code: 'E_FRAME_CHECKSUM' }),
      });
    }
  });

  it('burst errors of up to 32 bits are found by the checksum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: frameBytes.length - 5 }),
        fc.uint8Array({ minLength: 4, maxLength: 4 }).filter((burst) => burst.some((byte) => byte !== 0)),
        (at, burst) => {
          const changed = Buffer.from(frameBytes);
          burst.forEach((byte, i) => {
            changed[at + i]! ^= byte;
          });
          expect(thrownBy(() => decodeFrame(changed))).toMatchObject({ name: 'FrameError', code: 'E_FRAME_CHECKSUM' });
        },
      ),
    );
  });

  it('each says what is wrong, with a code and a remedy', () => {
    const change = (at: number, value: number) => {
      const bytes = Buffer.from(frameBytes);
      bytes[at] = value;
      return bytes;
    };
    const cases: [string, Uint8Array, string, string][] = [
      ['magic', change(0, 0x47), 'E_FRAME_MAGIC', 'starts with the bytes 47 43 instead of 53 43'],
      ['version', change(2, 2), 'E_FRAME_VERSION', 'speaks version 2 of the protocol, this end version 4'],
      ['kind', change(3, 77), 'E_FRAME_KIND', 'unknown kind 77'],
      ['checksum', change(40, 0), 'E_FRAME_CHECKSUM', 'checksum'],
      ['overlong', Buffer.concat([frameBytes, Buffer.alloc(1)]), 'E_FRAME_OVERLONG', 'though it says'],
    ];
    for (const [name, bytes, code, problem] of cases) {
      const error = thrownBy(() => decodeFrame(bytes)) as FrameError;
      expect(error, name).toBeInstanceOf(FrameError);
      expect(error.code).toBe(code);
      expect(error.message).toContain(problem);
      expect(error.remedy).toBeTruthy();
    }
    expect((thrownBy(() => decodeFrame(change(2, 1))) as FrameError).closeCode).toBe(4406);
  });

  it('a hello or welcome for another version is told so, though its prefix is right', () => {
    for (const kind of ['hello', 'welcome'] as const) {
      const bytes = messageWithHead(MESSAGE_KINDS[kind], headOf({ ...heads[kind], protocol: 9, novelty: true }));
      expect(thrownBy(() => decodeFrame(bytes))).toMatchObject({ name: 'FrameError', code: 'E_FRAME_VERSION' });
    }
  });
});

describe('limits', () => {
  it('take a payload of exactly the most bytes, and refuse one more before reading it', () => {
    expect(decodeFrame(frameBytes, { maxPayloadBytes: 16 }).payload.length).toBe(16);
    const error = thrownBy(() => decodeFrame(frameBytes, { maxPayloadBytes: 15 }));
    expect(error).toMatchObject({ name: 'FrameError', code: 'E_FRAME_TOO_LARGE' });
    expect(error).toMatchObject({ message: expect.stringContaining('16 bytes; at most 15') as string });
    // The announced size alone is enough: nobody waits for 4 GiB.
    const announced = Buffer.from(frameBytes);
    announced.writeUInt32LE(0xffff_ffff, 8);
    expect(thrownBy(() => decodeFrame(announced))).toMatchObject({ name: 'FrameError', code: 'E_FRAME_TOO_LARGE' });
  });

  it('take a head of exactly the most bytes, and refuse 8 more', () => {
    const announced = Buffer.from(frameBytes);
    announced.writeUInt32LE(MAX_HEAD_BYTES, 4);
    expect(thrownBy(() => decodeFrame(announced))).toMatchObject({ name: 'FrameError', code: 'E_FRAME_TRUNCATED' });
    announced.writeUInt32LE(MAX_HEAD_BYTES + 8, 4);
    expect(thrownBy(() => decodeFrame(announced))).toMatchObject({ name: 'FrameError', code: 'E_FRAME_TOO_LARGE' });
  });

  it('bound texts, lists, options and credits', () => {
    const refused: [MessageKind, unknown][] = [
      ['drop', { ...heads.drop, detail: 'x'.repeat(2001) }],
      ['error', { ...heads.error, code: '' }],
      ['credit', { credits: 0 }],
      ['credit', { credits: 65_537 }],
      ['welcome', { ...heads.welcome, decoders: Array.from({ length: 65 }, () => 'd') }],
      [
        'frame',
        { ...frameHead, decoderOptions: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, 1])) },
      ],
      ['frame', { ...frameHead, stream: 'x'.repeat(65) }],
      ['frame', { ...frameHead, stream: '../etc' }],
      ['frame', { ...frameHead, frame: -1 }],
      ['frame', { ...frameHead, frame: 0.5 }],
      ['frame', { ...frameHead, frame: 2 ** 53 }],
      ['frame', { ...frameHead, width: 0 }],
      ['frame', { ...frameHead, width: 1_000_001 }],
      ['frame', { ...frameHead, cbr: '3/2' }],
      ['frame', { ...frameHead, designCsnrDb: Number.NaN }],
      ['frame', { ...frameHead, designCsnrDb: Infinity }],
      ['frame', { ...frameHead, samples: { format: 'cf32_le', count: 2, scale: 1 } }],
      ['frame', { ...frameHead, samples: { format: 'ci16_le', count: 2, scale: 0 } }],
      ['frame', { ...frameHead, samples: { format: 'ci16_le', count: 2 } }],
      ['frame', { ...frameHead, extra: 1 }],
      ['frame', { ...frameHead, impairment: { model: 'awgn', snrDb: 1, seed: 1, noiseVariance: 1 } }],
    ];
    for (const [kind, head] of refused) {
      const what = JSON.stringify(head).slice(0, 200);
      expect(
        thrownBy(() => encodeFrame(kind, head as Heads[MessageKind], framePayload)),
        what,
      ).toMatchObject({ name: 'FrameError', code: 'E_FRAME_HEAD' });
      const bytes = messageWithHead(MESSAGE_KINDS[kind], headOf(head), kind === 'frame' ? framePayload : undefined);
      expect(
        thrownBy(() => decodeFrame(bytes)),
        what,
      ).toMatchObject({ name: 'FrameError', code: 'E_FRAME_HEAD' });
    }
    // What the limits are for, they let pass: the tall image, the last credit, the last option.
    encodeFrame('credit', { credits: 65_536 });
    encodeFrame('frame', { ...frameHead, height: 1_000_000 }, framePayload);
    encodeFrame('drop', { ...heads.drop, detail: 'x'.repeat(2000) });
  });
});

describe('heads', () => {
  it('name the frame where they can, so that it alone is dropped', () => {
    const bad = { ...frameHead, frame: 12, width: 'wide' };
    expect(thrownBy(() => decodeFrame(messageWithHead(3, headOf(bad), framePayload)))).toMatchObject({
      frame: { stream: 'cam-1', frame: 12 },
      message: expect.stringContaining('width: ') as string,
    });
    expect(thrownBy(() => decodeFrame(messageWithHead(3, headOf({ frame: 12 }))))).toMatchObject({ frame: undefined });
    expect(thrownBy(() => decodeFrame(messageWithHead(3, headOf(frameHead), new Uint8Array(8))))).toMatchObject({
      code: 'E_FRAME_PAYLOAD',
      frame: { stream: 'cam-1', frame: 0 },
    });
  });

  it('show no control characters of the peer: not in its texts, nor in a key of its own', () => {
    const evil = 'a\u001b[2Jb\nc\u009b31m\u2028d\u007f';
    const clean = 'a\ufffd[2Jb\ufffdc\ufffd31m\ufffdd\ufffd';
    const sent = { code: evil, message: evil, remedy: evil };
    expect(decodeFrame(messageWithHead(8, headOf(sent))).head).toEqual({ code: clean, message: clean, remedy: clean });
    const drop = { ...heads.drop, detail: evil };
    expect(decodeFrame(messageWithHead(5, headOf(drop))).head).toEqual({ ...heads.drop, detail: clean });
    const hello = { ...heads.hello, agent: evil, decoder: evil };
    expect(decodeFrame(messageWithHead(1, headOf(hello))).head).toMatchObject({ agent: clean, decoder: clean });
    const error = thrownBy(() => decodeFrame(messageWithHead(7, headOf({ credits: 1, [evil]: 1 })))) as Error;
    expect(error.message).toContain(clean);
    expect(error.message).not.toContain(evil);
  });

  it('never show the values of a bad head: one of them is the token', () => {
    const bytes = messageWithHead(1, headOf({ ...heads.hello, token: 'hunter2'.repeat(1000), stream: 'hunter2 ' }));
    const error = thrownBy(() => decodeFrame(bytes)) as Error;
    expect(error.message).toContain('token');
    expect(error.message).not.toContain('hunter2');
  });

  it('must be padded to 8 bytes with fewer than 8 of 0xc1, in front', () => {
    const packed = Buffer.from('81a76372656469747303', 'hex');
    expect(packed.length % 8).toBe(2);
    const pad = (before: number, after: number) =>
      Buffer.concat([Buffer.alloc(before, 0xc1), packed, Buffer.alloc(after, 0xc1)]);
    expect(decodeFrame(messageWithHead(7, pad(6, 0))).head).toEqual({ credits: 3 });
    for (const head of [
      pad(0, 0),
      pad(5, 0),
      pad(14, 0),
      pad(0, 6),
      pad(3, 3),
      Buffer.alloc(8, 0xc1),
      Buffer.alloc(0),
    ]) {
      expect(
        thrownBy(() => decodeFrame(messageWithHead(7, head))),
        head.toString('hex'),
      ).toMatchObject({ name: 'FrameError', code: 'E_FRAME_HEAD' });
    }
  });

  it('may hold neither extensions nor binary data, nor announce more than there is, nor nest deep', () => {
    const padded = (hex: string) => {
      const bytes = Buffer.from(hex, 'hex');
      return Buffer.concat([Buffer.alloc(-bytes.length & 7, 0xc1), bytes]);
    };
    const nested = (levels: number) => '91'.repeat(levels) + '01';
    const cases: [string, string][] = [
      ['a regular expression, as msgpackr extends MessagePack', 'd678a16100'],
      ['a date', 'd6ff00000000'],
      ['binary', 'c40100'],
      ['an array of 2^25 entries', 'dd02000000c0'],
      ['an array of 2^32 - 1 entries', 'ddffffffffc0'],
      ['a map of 2^32 - 1 entries', 'dfffffffffa161c0'],
      ['a string longer than the head', 'dbffffffff61'],
      ['a map with a number as key', '810101'],
      ['a map without its last value', '82a16101a162'],
      ['a double cut short', 'cb3ff0'],
      ['nine levels', nested(9)],
      ['thousands of levels', nested(60_000)],
      ['two values', '8080'],
    ];
    for (const [name, hex] of cases) {
      const started = performance.now();
      expect(
        thrownBy(() => decodeFrame(messageWithHead(7, padded(hex)))),
        name,
      ).toMatchObject({ name: 'FrameError', code: 'E_FRAME_HEAD' });
      expect(performance.now() - started, name).toBeLessThan(100);
    }
  });

  it('can not reach an object through __proto__', () => {
    const head = Buffer.from('8aa9' + Buffer.from('__proto__').toString('hex') + '81a161c3', 'hex');
    expect(
      thrownBy(() => decodeFrame(messageWithHead(7, Buffer.concat([Buffer.alloc(-head.length & 7, 0xc1), head])))),
    ).toMatchObject({ name: 'FrameError', code: 'E_FRAME_HEAD' });
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });
});

describe('payloads', () => {
  it('must be as long as the head says', () => {
    const taps = [{ delay: 0, coherence: 2, count: 1 }];
    const genie = { model: 'rayleigh-slow', snrDb: 10, seed: 1, noiseVariance: 0.1, taps };
    const wrong: [MessageKind, Heads[MessageKind], number][] = [
      ['frame', frameHead, 15],
      ['frame', frameHead, 17],
      ['frame', frameHead, 0],
      ['frame', { ...frameHead, samples: { format: 'ci16_le', count: 2, scale: 1 } }, 16],
      ['frame', { ...frameHead, csi: 'genie', impairment: genie }, 16],
      ['result', { ...resultHead, image: { format: 'raw', width: 2, height: 2 } }, 11],
      ['result', resultHead, 0],
      ['ack', heads.ack, 1],
    ];
    for (const [kind, head, length] of wrong) {
      expect(
        thrownBy(() => encodeFrame(kind, head, new Uint8Array(length))),
        `${kind} ${length}`,
      ).toMatchObject({ name: 'FrameError', code: 'E_FRAME_PAYLOAD' });
      const bytes = messageWithHead(MESSAGE_KINDS[kind], headOf(head), new Uint8Array(length));
      expect(
        thrownBy(() => decodeFrame(bytes)),
        `${kind} ${length}`,
      ).toMatchObject({ name: 'FrameError', code: 'E_FRAME_PAYLOAD' });
    }
    encodeFrame('frame', { ...frameHead, csi: 'genie', impairment: genie }, new Uint8Array(24));
  });

  it.each([
    [
      'the gains that samples and coherence ask for',
      [{ delay: 0, coherence: 2, count: 2 }],
      0.1,
      'with coherence 2 have 3',
    ],
    ['a noise variance', [{ delay: 0, coherence: 5, count: 1 }], undefined, 'taps come with a noiseVariance'],
    ['a delay that is none', [{ delay: -1, coherence: 5, count: 1 }], 0.1, 'delay'],
  ])('must have %s', (_, taps, noiseVariance, problem) => {
    const genie = { taps, ...(noiseVariance === undefined ? {} : { noiseVariance }) };
    const head = frameHeadWith(0, 5, { csi: 'genie', impairment: { model: 'm', snrDb: 10, seed: 1, ...genie } });
    expect(thrownBy(() => encodeFrame('frame', head, new Uint8Array(56)))).toMatchObject({
      message: expect.stringContaining(problem) as string,
    });
  });
});
