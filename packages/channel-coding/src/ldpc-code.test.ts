import { describe, expect, it } from 'vitest';
import { brokenChecks } from '../test/parity.js';
import { randomBits, testRandom } from '../test/random.js';
import { LIFTING_SIZES } from './base-graphs.js';
import { encodeLdpc, ldpcCode } from './ldpc-code.js';

/**
 * Code words of another implementation: srsRAN 4G, lib/src/phy/fec/ldpc/test/examplesBG1.dat and examplesBG2.dat, whose "-" are
 * filler bits.
 * Its words begin behind the first 2·Z bits.
 */
const VECTORS = [
  {
    baseGraph: 1,
    liftingSize: 2,
    message: '11010100000100000011011---------------------',
    word: '0100000100000011011---------------------10111111101111100001110010001111101101001100111011100110111010110010111111101010110100010100',
  },
  {
    baseGraph: 1,
    liftingSize: 2,
    message: '00110101000110011001100---------------------',
    word: '0101000110011001100---------------------00001101111000001010011110110000010011011101001101001011001010111101101000111111011111010011',
  },
  {
    baseGraph: 2,
    liftingSize: 2,
    message: '00111111110---------',
    word: '1111110---------110000001111001111001100001111111111000000000011000011000011111100000011111111000011',
  },
  {
    baseGraph: 2,
    liftingSize: 2,
    message: '01101111010---------',
    word: '1111010---------011001010110000110101111000101011001011001000101010111010100110000010100100011110011',
  },
  {
    baseGraph: 2,
    liftingSize: 4,
    message: '0000101110000001100110111000101---------',
    word: '10000001100110111000101---------110101111111001001010111001110010001110110101000100001100101000001010111100000000011100010100110101010110011010000101001101010100100110011010111100011111110010101001101',
  },
] as const;

describe('encodeLdpc', () => {
  it.each([1, 2] as const)(
    'makes words that all checks of base graph %i accept, for each lifting size',
    (baseGraph) => {
      const random = testRandom(`words-${baseGraph}`);
      for (const size of LIFTING_SIZES) {
        const code = ldpcCode(baseGraph, size);
        const information = randomBits(code.informationBits, random);
        const word = encodeLdpc(code, information);
        expect(word.subarray(0, code.informationBits)).toEqual(information);
        expect(brokenChecks(code, word), `Z = ${size}`).toBe(0);
        expect(encodeLdpc(code, information, 7)).toEqual(word.subarray(0, code.informationBits + 7 * size));
      }
    },
  );

  it.each(VECTORS)('agrees with srsRAN on a word of base graph $baseGraph with Z = $liftingSize', (vector) => {
    const bits = (text: string): Uint8Array => Uint8Array.from(text, (bit) => (bit === '1' ? 1 : 0));
    const word = encodeLdpc(ldpcCode(vector.baseGraph, vector.liftingSize), bits(vector.message));
    expect(word.subarray(2 * vector.liftingSize)).toEqual(bits(vector.word));
  });

  it('refuses blocks of another length and rows that there are not', () => {
    const code = ldpcCode(2, 2);
    expect(() => encodeLdpc(code, new Uint8Array(19))).toThrow('takes 20 bits, not 19');
    expect(() => encodeLdpc(code, new Uint8Array(20), 3)).toThrow("can't be cut to 3 rows");
    expect(() => encodeLdpc(code, new Uint8Array(20), 43)).toThrow("can't be cut to 43 rows");
  });
});
