import { describe, expect, it } from 'vitest';
import { overAwgn, randomBits, testRandom } from '../test/random.js';
import { packBits } from './bits.js';
import { MCS_TABLE, mcsFor, mcsOf } from './mcs.js';
import { decodeTransportBlock, encodeTransportBlock, transportBlockBytes } from './transport-block.js';

describe('the MCS table', () => {
  it('has the spectral efficiencies of TS 38.214, Table 5.1.3.1-2', () => {
    expect(MCS_TABLE.map(({ efficiency }) => Number(efficiency.toFixed(4)))).toEqual([
      0.2344, 0.377, 0.6016, 0.877, 1.1758, 1.4766, 1.6953, 1.9141, 2.1602, 2.4063, 2.5703, 2.7305, 3.0293, 3.3223,
      3.6094, 3.9023, 4.2129, 4.5234, 4.8164, 5.1152, 5.332, 5.5547, 5.8906, 6.2266, 6.5703, 6.9141, 7.1602, 7.4063,
    ]);
  });

  it('needs more CSNR for more efficiency, and stays below capacity', () => {
    MCS_TABLE.forEach(({ efficiency, thresholdDb }, index) => {
      expect(thresholdDb).toBeGreaterThan(MCS_TABLE[index - 1]?.thresholdDb ?? -Infinity);
      expect(efficiency).toBeLessThan(Math.log2(1 + 10 ** (thresholdDb / 10)));
    });
  });

  it('gives the fastest scheme for a CSNR', () => {
    for (const mcs of MCS_TABLE) {
      expect(mcsFor(mcs.thresholdDb)).toBe(mcs);
      expect(mcsFor(mcs.thresholdDb - 1e-6)).toBe(MCS_TABLE[mcs.index - 1] ?? null);
      expect(mcsOf(mcs.index)).toBe(mcs);
    }
    expect(mcsFor(60)?.index).toBe(27);
    expect(() => mcsOf(28)).toThrow('there is no MCS 28, only 0 … 27');
  });

  it.each([2, 9, 18, 26])('MCS %i works at its threshold, and is lost a dB below', (mcs) => {
    const format = { mcs, symbols: 4096 };
    const bytes = transportBlockBytes(format);
    const lostAt = (csnrDb: number): number =>
      Array.from({ length: 8 }, (_, frame) => {
        const random = testRandom(`threshold-${mcs}`, frame);
        const sent = encodeTransportBlock(packBits(randomBits(8 * bytes, random)), format);
        return decodeTransportBlock(overAwgn(sent, 10 ** (-csnrDb / 10), random), format, bytes).ok ? 0 : 1;
      }).reduce((sum: number, lost) => sum + lost, 0);
    expect(lostAt(mcsOf(mcs).thresholdDb)).toBeLessThan(2);
    expect(lostAt(mcsOf(mcs).thresholdDb - 1)).toBeGreaterThan(6);
  });
});
