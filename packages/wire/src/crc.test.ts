import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, portableCrc32 } from './crc.js';

describe.each([
  ['crc32', crc32],
  ['portableCrc32', portableCrc32],
])('%s', (_name, checksum) => {
  it('gives the check value of CRC-32/ISO-HDLC', () => {
    expect(checksum(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(checksum(new Uint8Array(0))).toBe(0);
  });

  it('continues where it stopped', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
        expect(checksum(bytes.subarray(at), checksum(bytes.subarray(0, at)))).toBe(portableCrc32(bytes));
      }),
    );
  });
});
