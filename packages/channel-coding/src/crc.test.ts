import { describe, expect, it } from 'vitest';
import { randomBits, testRandom } from '../test/random.js';
import { unpackBits } from './bits.js';
import { appendCrc, crcLength, crcRemainder } from './crc.js';

describe('CRC', () => {
  // The catalogue of parametrised CRC algorithms calls them CRC-24/LTE-A, CRC-24/LTE-B and CRC-16/XMODEM.
  it.each([
    ['crc24a', 0xcde703],
    ['crc24b', 0x23ef52],
    ['crc16', 0x31c3],
  ] as const)('%s of "123456789" is the catalogued check value', (name, check) => {
    expect(crcRemainder(name, unpackBits(new TextEncoder().encode('123456789')))).toBe(check);
  });

  it.each(['crc24a', 'crc24b', 'crc16'] as const)(
    '%s leaves no remainder over data and parity, and finds errors',
    (name) => {
      const random = testRandom(name);
      for (const count of [1, 40, 1000]) {
        const bits = new Uint8Array(count + crcLength(name));
        bits.set(randomBits(count, random));
        appendCrc(name, bits, count);
        expect(crcRemainder(name, bits)).toBe(0);
        for (const wrong of [0, count - 1, bits.length - 1]) {
          const received = bits.slice();
          received[wrong]! ^= 1;
          expect(crcRemainder(name, received)).not.toBe(0);
        }
      }
      expect(() => appendCrc(name, new Uint8Array(20), 10)).toThrow("don't fit into 20");
    },
  );
});
