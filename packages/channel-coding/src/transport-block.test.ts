import { meanPower } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { overAwgn, randomBits, testRandom } from '../test/random.js';
import { packBits } from './bits.js';
import { MCS_TABLE } from './mcs.js';
import { decodeTransportBlock, encodeTransportBlock, transportBlockBytes } from './transport-block.js';

describe('transport blocks', () => {
  it.each(MCS_TABLE.map(({ index }) => [index] as const))('MCS %i brings bytes through noise, in any number', (mcs) => {
    const random = testRandom('bytes', mcs);
    for (const symbols of [301, 4096]) {
      const most = transportBlockBytes({ mcs, symbols });
      for (const bytes of [1, Math.ceil(most / 3), most]) {
        const payload = packBits(randomBits(8 * bytes, random));
        const sent = encodeTransportBlock(payload, { mcs, symbols });
        expect(sent).toHaveLength(2 * symbols);
        const noiseVariance = 10 ** (-(MCS_TABLE[mcs]!.thresholdDb + 3) / 10);
        const result = decodeTransportBlock(overAwgn(sent, noiseVariance, random), { mcs, symbols }, bytes);
        expect(result.ok).toBe(true);
        expect(result.bytes).toEqual(payload);
        expect(result.blocks.every(({ ok }) => ok)).toBe(true);
        expect(result.blocks[0]!.begin).toBe(0);
        expect(result.blocks.at(-1)!.end).toBe(bytes);
      }
    }
  });

  it('sends symbols of unit mean power, also for bytes that are all alike', () => {
    const symbols = 20_000;
    for (const mcs of [4, 10, 19, 27]) {
      const sent = encodeTransportBlock(new Uint8Array(transportBlockBytes({ mcs, symbols })), { mcs, symbols });
      expect(Math.abs(meanPower(sent) - 1)).toBeLessThan(0.02);
    }
  });

  it('says which code blocks failed, and gives the bytes of the others', () => {
    const format = { mcs: 10, symbols: 16_384 };
    const random = testRandom('burst');
    const bytes = transportBlockBytes(format);
    const payload = packBits(randomBits(8 * bytes, random));
    const received = overAwgn(encodeTransportBlock(payload, format), 0.05, random);
    // A burst over the last tenth of the symbols, of which the receiver knows nothing.
    random.fillNormal(received.y.subarray(2 * 14_700));
    const result = decodeTransportBlock(received, format, bytes);
    expect(result.ok).toBe(false);
    expect(result.blocks.length).toBeGreaterThan(3);
    expect(result.blocks.map(({ ok }) => ok)).toEqual(result.blocks.map((_, r) => r < result.blocks.length - 1));
    for (const { begin, end } of result.blocks.filter(({ ok }) => ok)) {
      expect(result.bytes.subarray(begin, end)).toEqual(payload.subarray(begin, end));
    }
  });

  it('fits payloads into symbols, at no more than the rate of the MCS', () => {
    for (const { index: mcs, efficiency } of MCS_TABLE) {
      for (const symbols of [1, 40, 500, 1024, 5000, 49_152]) {
        const bits = 8 * transportBlockBytes({ mcs, symbols });
        expect(bits).toBeLessThanOrEqual(symbols * efficiency);
        // A byte less for rounding down, and at most one for each code block to make them equal.
        expect(bits).toBeGreaterThan(symbols * efficiency - 8 * (2 + (symbols * efficiency) / 3816));
      }
    }
  });

  it('refuses formats that there are not, and bytes that do not fit', () => {
    const format = { mcs: 4, symbols: 100 };
    const bytes = transportBlockBytes(format);
    expect(() => transportBlockBytes({ mcs: 28, symbols: 100 })).toThrow('there is no MCS 28, only 0 … 27');
    expect(() => transportBlockBytes({ mcs: 4, symbols: 0 })).toThrow("can't take 0 symbols");
    expect(() => encodeTransportBlock(new Uint8Array(bytes + 1), format)).toThrow(`take 1 … ${bytes} bytes`);
    expect(() => encodeTransportBlock(new Uint8Array(0), format)).toThrow(`take 1 … ${bytes} bytes`);
    const short = { y: new Float32Array(2), h: null, noiseVariance: new Float32Array(1) };
    expect(() => decodeTransportBlock(short, format, bytes)).toThrow("100 symbols can't have 1 received");
  });
});
