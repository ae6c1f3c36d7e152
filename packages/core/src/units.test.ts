import { describe, expect, it } from 'vitest';
import { ArgumentError, describeError, SemcastError } from './errors.js';
import { meanPower, tensor } from './tensor.js';
import { cbrValue, csnrDbToNoiseVariance, dbToPower, formatCbr, parseCbr, powerToDb } from './units.js';

describe('units', () => {
  it('converts decibels and powers both ways', () => {
    expect(dbToPower(3)).toBeCloseTo(1.9953, 4);
    expect(powerToDb(dbToPower(-7.3))).toBeCloseTo(-7.3, 12);
    expect(csnrDbToNoiseVariance(10)).toBeCloseTo(0.1, 12);
  });

  it('reads and writes channel bandwidth ratios, and refuses what is none', () => {
    expect(formatCbr(parseCbr(' 1 / 24 '))).toBe('1/24');
    expect(cbrValue(parseCbr('1/48'))).toBeCloseTo(1 / 48, 12);
    expect(cbrValue(parseCbr('0.0625'))).toBeCloseTo(1 / 16, 12);
    for (const bad of ['', 'fast', '1/0', '0/3', '-1/24', '24', '3/2', 'NaN']) {
      expect(() => parseCbr(bad), bad).toThrow(ArgumentError);
    }
  });
});

describe('tensors', () => {
  it('refuses data that does not fill the shape', () => {
    expect(tensor(new Float32Array(6), [1, 2, 3]).dims).toEqual([1, 2, 3]);
    expect(() => tensor(new Float32Array(5), [1, 2, 3])).toThrow('needs 6 values, not 5');
  });

  it('measures power per complex sample', () => {
    expect(meanPower(new Float32Array([1, 1, -1, 1]))).toBe(2);
    expect(meanPower(new Float32Array(0))).toBe(0);
  });
});

describe('describeError', () => {
  it('says what was wrong and what to do', () => {
    expect(describeError(new SemcastError('E_X', 'it broke', { remedy: 'mend it' }))).toBe('it broke — mend it [E_X]');
    expect(describeError(new Error('plain'))).toBe('plain');
    expect(describeError('text')).toBe('text');
  });
});
