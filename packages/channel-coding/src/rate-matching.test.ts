import { describe, expect, it } from 'vitest';
import { randomBits, testRandom } from '../test/random.js';
import { encodeLdpc, ldpcCode } from './ldpc-code.js';
import { matchRate, recoverRate, rowsReached } from './rate-matching.js';

const code = ldpcCode(2, 10);
const blockBits = 93;

describe('rate matching', () => {
  it('sends the buffer in order, around and around, without filler bits, interleaved', () => {
    const information = new Uint8Array(code.informationBits);
    information.set(randomBits(blockBits, testRandom('rate')));
    const word = encodeLdpc(code, information);
    const buffer = [...word.subarray(20, blockBits), ...word.subarray(code.informationBits)];
    for (const sentBits of [60, 480, 1200]) {
      const sent = matchRate({ code, blockBits, sentBits, order: 4 }, word);
      const selected = Array.from({ length: sentBits }, (_, j) => buffer[j % buffer.length]!);
      // Clause 5.4.2.2: f(i + j·Q_m) = e(i·E/Q_m + j).
      const expected = selected.map((_, k) => selected[(k % 4) * (sentBits / 4) + Math.floor(k / 4)]!);
      expect([...sent]).toEqual(expected);
    }
  });

  it('recovers the buffer: repeated bits add up, unsent ones are unknown, filler bits are known', () => {
    for (const sentBits of [60, 480, 1200]) {
      const matching = { code, blockBits, sentBits, order: 4 } as const;
      const word = randomBits(code.informationBits + code.rows * 10, testRandom('recover'));
      const llr = Float32Array.from([9, ...matchRate(matching, word)], (bit) => 1 - 2 * bit);
      const buffer = recoverRate(matching, llr, 1);
      expect(buffer).toHaveLength(code.bufferBits);
      const filler = (k: number): boolean => k >= blockBits - 20 && k < code.informationBits - 20;
      const sendable = code.bufferBits - (code.informationBits - blockBits);
      for (let k = 0, j = 0; k < buffer.length; k++) {
        const times = filler(k) ? Infinity : Math.floor(sentBits / sendable) + (j++ < sentBits % sendable ? 1 : 0);
        expect(buffer[k]).toBe(times === 0 ? 0 : times * (filler(k) ? 1 : 1 - 2 * word[20 + k]!));
      }
    }
  });

  it('tells how far into the base graph the sent bits reach', () => {
    expect([60, 113, 114, 1200].map((sentBits) => rowsReached({ code, blockBits, sentBits, order: 2 }))).toEqual([
      4, 4, 5, 42,
    ]);
  });

  it('refuses blocks and lengths that there are not', () => {
    const word = new Uint8Array(code.informationBits + code.rows * 10);
    expect(() => matchRate({ code, blockBits: 101, sentBits: 60, order: 2 }, word)).toThrow(
      '101 bits are no block of this code',
    );
    expect(() => matchRate({ code, blockBits, sentBits: 61, order: 2 }, word)).toThrow(
      '61 bits are no positive whole number',
    );
  });
});
