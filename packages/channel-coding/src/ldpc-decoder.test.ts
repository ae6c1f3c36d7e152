import { describe, expect, it } from 'vitest';
import { normalApproximationDb } from '../test/normal-approximation.js';
import { esN0DbOf, PUBLISHED } from '../test/published.js';
import { randomBits, testRandom } from '../test/random.js';
import { simulateBlocks } from '../test/simulate.js';
import { LIFTING_SIZES } from './base-graphs.js';
import { encodeLdpc, ldpcCode } from './ldpc-code.js';
import { createLdpcDecoder } from './ldpc-decoder.js';

describe('createLdpcDecoder', () => {
  it.each([1, 2] as const)('corrects a few wrong bits of base graph %i, for each lifting size', (baseGraph) => {
    const random = testRandom(`decode-${baseGraph}`);
    for (const size of LIFTING_SIZES) {
      const code = ldpcCode(baseGraph, size);
      const information = randomBits(code.informationBits, random);
      const word = encodeLdpc(code, information);
      const llr = Float32Array.from(word.subarray(2 * size), (bit) => 4 * (1 - 2 * bit));
      for (let wrong = 0; wrong < size; wrong++) {
        const place = Math.floor(random.uniform() * llr.length);
        llr[place] = -llr[place]!;
      }
      const decoded = new Uint8Array(code.informationBits);
      expect(createLdpcDecoder(code).decode(llr, decoded)).toMatchObject({ converged: true });
      expect(decoded).toEqual(information);
    }
  });

  it('says that it found no code word', () => {
    const code = ldpcCode(2, 8);
    const llr = new Float32Array(code.bufferBits);
    testRandom('noise').fillNormal(llr);
    const decoder = createLdpcDecoder(code, code.rows, { iterations: 7 });
    expect(decoder.decode(llr, new Uint8Array(code.informationBits))).toEqual({ converged: false, iterations: 7 });
    // It begins anew with the next block.
    llr.fill(5);
    const decoded = new Uint8Array(code.informationBits).fill(1);
    expect(decoder.decode(llr, decoded)).toEqual({ converged: true, iterations: 1 });
    expect(decoded.every((bit) => bit === 0)).toBe(true);
  });

  /** As many blocks as give each experiment about the same work. */
  const blocksOf = (informationBits: number): number => Math.ceil(100_000 / informationBits);

  const often = PUBLISHED.filter(({ bler }) => bler > 0.05);
  it.each(often)('is within 0.3 dB of $source: $informationBits bits in $sentBits', (point) => {
    const blocks = blocksOf(point.informationBits);
    const blerAt = (offsetDb: number): number =>
      simulateBlocks(point, esN0DbOf(point) + offsetDb, { blocks }, point).errors / blocks;
    expect(blerAt(0.3)).toBeLessThan(point.bler);
    expect(blerAt(-0.3)).toBeGreaterThan(point.bler);
  });

  // We know of no published figures at other rates than 1/2 and 1/3, but of what the best codes could do.
  it.each([
    { baseGraph: 2, informationBits: 720, sentBits: 3600, order: 2 },
    { baseGraph: 2, informationBits: 3600, sentBits: 18_000, order: 2 },
    { baseGraph: 1, informationBits: 1000, sentBits: 1200, order: 2 },
    { baseGraph: 1, informationBits: 7000, sentBits: 8400, order: 2 },
  ] as const)('is within 1 dB of the best code with $informationBits bits in $sentBits', (experiment) => {
    const bestDb = normalApproximationDb(experiment.informationBits, experiment.sentBits, 0.1);
    const blocks = blocksOf(experiment.informationBits);
    expect(simulateBlocks(experiment, bestDb + 1, { blocks }).errors / blocks).toBeLessThan(0.1);
    expect(simulateBlocks(experiment, bestDb, { blocks }).errors / blocks).toBeGreaterThan(0.1);
  });

  it('refuses options out of range and blocks of another length', () => {
    const code = ldpcCode(2, 2);
    expect(() => createLdpcDecoder(code, 3)).toThrow("can't be cut to 3 rows");
    expect(() => createLdpcDecoder(code, 42, { iterations: 0 })).toThrow("can't run 0 iterations");
    expect(() => createLdpcDecoder(code).decode(new Float32Array(100), new Uint8Array(19))).toThrow(
      '20 bits of information',
    );
  });
});
