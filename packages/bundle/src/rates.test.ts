import { fileURLToPath } from 'node:url';
import { ArgumentError, parseCbr } from '@semcast/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBundle, type Bundle } from './bundle.js';
import { UnknownRateError } from './errors.js';
import { activeChannels, clampCsnrDb, decoderRmse, defaultRate } from './rates.js';

let bundle: Bundle;

beforeAll(async () => {
  bundle = await loadBundle(fileURLToPath(new URL('../fixtures/toy-bundle', import.meta.url)));
});

function rmseAt(csnrDb: number, cbr = '1/4'): number {
  return decoderRmse(bundle.manifest, { csnrDb, cbr });
}

describe('activeChannels', () => {
  it('finds a rate however it is written', () => {
    for (const cbr of ['1/4', '2/8', '0.25', parseCbr('1/4')]) {
      expect(activeChannels(bundle.manifest, cbr)).toBe(24);
    }
  });

  it('names the rates that there are', () => {
    expect(() => activeChannels(bundle.manifest, '1/24')).toThrow(UnknownRateError);
    expect(() => activeChannels(bundle.manifest, '1/24')).toThrow(
      expect.objectContaining({ code: 'E_UNKNOWN_RATE', remedy: 'choose one of 1/4, 1/2' }),
    );
    expect(() => activeChannels(bundle.manifest, 'fast')).toThrow(ArgumentError);
  });
});

describe('defaultRate', () => {
  it.each([
    [['1/48', '1/24', '1/12'], '1/24'],
    [['2/48', '1/16'], '2/48'],
    [['1/12', '1/48'], '1/48'],
    [['1/4', '1/2'], '1/4'],
    [['1/96'], '1/96'],
  ])('of %j it is %s', (rates, expected) => expect(defaultRate(rates)).toBe(expected));
});

describe('clampCsnrDb', () => {
  it('keeps to the range of the training', () => {
    expect([-7, 0, 3.5, 20, Infinity].map((value) => clampCsnrDb(bundle.manifest, value))).toEqual([0, 0, 3.5, 20, 20]);
    expect(() => clampCsnrDb(bundle.manifest, NaN)).toThrow(ArgumentError);
  });
});

describe('decoderRmse', () => {
  it('reads the table, linear between its rows, flat beyond them', () => {
    expect([-5, 0, 5, 10, 17, 20, 30].map((csnrDb) => rmseAt(csnrDb))).toEqual(
      [0.3, 0.3, 0.25, 0.2, 0.13, 0.1, 0.1].map((value) => expect.closeTo(value, 12) as number),
    );
    expect(rmseAt(20, '1/2')).toBe(0.05);
    expect(() => rmseAt(0, '1/3')).toThrow(UnknownRateError);
  });
});
