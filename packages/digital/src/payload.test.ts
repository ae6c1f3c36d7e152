import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packPayload, roomIn, unpackPayload } from './payload.js';

describe('the payload of a transport block', () => {
  it('gives back what was packed, in a block of exactly its size', () => {
    const picture = fc.record({
      coding: fc.integer({ min: 0, max: 14 }),
      halvings: fc.integer({ min: 0, max: 15 }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 2000, size: 'max' }),
    });
    fc.assert(
      fc.property(picture, fc.nat(300), (given, spare) => {
        const blockBytes = given.bytes.length + spare;
        fc.pre(given.bytes.length <= roomIn(blockBytes));
        const block = packPayload(given, blockBytes);
        expect(block.length).toBe(blockBytes);
        expect(unpackPayload(block)).toEqual(given);
      }),
    );
  });

  it('has room for all but its head', () => {
    expect([0, 1, 2, 3, 129, 130, 131, 16_387].map(roomIn)).toEqual([0, 0, 0, 1, 127, 127, 128, 16_383]);
  });

  it('is no picture where it is empty or zeros', () => {
    expect(unpackPayload(packPayload(null, 40))).toBeNull();
    expect(unpackPayload(new Uint8Array())).toBeNull();
  });

  it('is broken where its length is behind its end, or has none', () => {
    for (const block of [[1], [1, 128], [1, 5, 0, 0, 0, 0], [2, 255, 255, 255, 255, 255, 1], [0x10, 1, 1]]) {
      expect(unpackPayload(Uint8Array.from(block)), String(block)).toBe('broken');
    }
  });

  it('is some picture, none or broken, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (block) => {
        const payload = unpackPayload(block);
        const bytes = payload === null || payload === 'broken' ? 0 : payload.bytes.length;
        expect(bytes).toBeLessThanOrEqual(roomIn(block.length));
      }),
    );
  });
});
