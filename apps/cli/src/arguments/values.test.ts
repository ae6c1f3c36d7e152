import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.js';
import {
  cbr,
  integer,
  list,
  MAX_LIST_ENTRIES,
  number,
  oneOf,
  port,
  sameCbr,
  snrDb,
  snrOrRange,
  text,
  webSocketUrl,
} from './values.js';

describe('numbers', () => {
  it.each([
    ['0', 0],
    ['-5', -5],
    ['+2.5', 2.5],
    ['.5', 0.5],
    ['1e2', 100],
    [' 7 ', 7],
  ])('reads %j', (typed, expected) => expect(number()(typed)).toBe(expected));

  it.each(['', ' ', 'ten', '1,5', '0x10', 'Infinity', 'NaN', '1e999', '--3', '5dB'])('refuses %j', (typed) =>
    expect(() => number()(typed)).toThrow(/is no number/),
  );

  it('holds to its range, ends included', () => {
    expect(snrDb('-50')).toBe(-50);
    expect(snrDb('100')).toBe(100);
    expect(() => snrDb('100.1')).toThrow('100.1 is outside -50 … 100');
    expect(() => snrDb('-51')).toThrow(/outside/);
  });

  it.each(['1.5', '1e3', '', '9007199254740992', 'x'])('%j is no whole number', (typed) =>
    expect(() => integer()(typed)).toThrow(/no whole number/),
  );

  it('tells an open range in words', () => {
    expect(() => integer({ min: 1 })('0')).toThrow('0 is outside 1 and above');
    expect(() => port('65536')).toThrow('65536 is outside 0 … 65535');
  });
});

describe('lists', () => {
  it('keeps the order and takes repeats once', () => expect(list(snrDb)('10, 0,10,5')).toEqual([10, 0, 5]));
  it('takes a single value', () => expect(list(snrDb)('-3')).toEqual([-3]));
  it.each(['', '1,,2', ',1', '1,'])('refuses an empty entry in %j', (typed) =>
    expect(() => list(snrDb)(typed)).toThrow(/empty entry/),
  );
  it('names the entry that is wrong', () => expect(() => list(snrDb)('0,five')).toThrow('"five" is no number'));
  it('has a longest length', () => {
    const entries = Array.from({ length: MAX_LIST_ENTRIES }, () => '1').join(',');
    expect(list(snrDb)(entries)).toEqual([1]);
    expect(() => list(snrDb)(`${entries},1`)).toThrow(/too long/);
  });
});

describe('bandwidth ratios', () => {
  it.each([
    ['1/24', '1/24'],
    [' 1 / 48 ', '1/48'],
    ['2/48', '2/48'],
    ['0.125', '0.125'],
  ])('%j', (typed, expected) => expect(cbr(typed)).toBe(expected));
  it.each(['1', '0/24', '24', '-1/24', '1/0', 'half'])('refuses %j', (typed) =>
    expect(() => cbr(typed)).toThrow(/ratio/),
  );
  it('compares by value', () => {
    expect(sameCbr('2/48', '1/24')).toBe(true);
    expect(sameCbr('1/48', '1/24')).toBe(false);
  });
});

describe('an SNR or a range', () => {
  it('reads both', () => {
    expect(snrOrRange('10')).toBe(10);
    expect(snrOrRange('-5..20')).toEqual({ fromDb: -5, toDb: 20 });
  });
  it.each(['5..5', '20..0', '1..2..3', '..', '1..', 'a..b'])('refuses %j', (typed) =>
    expect(() => snrOrRange(typed)).toThrow(UsageError),
  );
});

describe('names and addresses', () => {
  const decoder = oneOf(['jscc', 'diffcom', 'hifi-diffcom']);
  it('knows its names', () => expect(decoder('jscc')).toBe('jscc'));
  it('suggests what was meant', () => {
    expect(() => decoder('jsc')).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('did you mean jscc') }),
    );
    expect(() => decoder('zzz')).toThrow(
      expect.objectContaining({ remedy: 'choose from jscc, diffcom, hifi-diffcom' }),
    );
  });
  it('refuses an empty text', () => expect(() => text('  ')).toThrow(/empty/));
  it.each(['ws://127.0.0.1:7401', 'wss://example.org/a'])('%s is an address', (typed) =>
    expect(webSocketUrl(typed)).toBe(typed),
  );
  it('says what an address looks like', () => {
    expect(() => webSocketUrl('http://10.0.0.1:7401')).toThrow(
      expect.objectContaining({ remedy: 'write ws://10.0.0.1:7401' }),
    );
    expect(() => webSocketUrl('localhost')).toThrow(/no address/);
    expect(() => webSocketUrl('localhost:7401')).toThrow(/WebSocket/);
  });
});
