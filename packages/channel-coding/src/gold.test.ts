import { expect, it } from 'vitest';
import { goldSequence } from './gold.js';

it.each([1, 2 ** 15, 0x5a5a5a5a & 0x7fffffff])('goldSequence(%i) follows the recurrences of TS 38.211', (init) => {
  const length = 3000;
  const x1 = [1, ...Array.from({ length: 30 }, () => 0)];
  const x2 = Array.from({ length: 31 }, (_, n) => Math.floor(init / 2 ** n) % 2);
  for (let n = 0; n < 1600 + length; n++) {
    x1.push((x1[n + 3]! + x1[n]!) % 2);
    x2.push((x2[n + 3]! + x2[n + 2]! + x2[n + 1]! + x2[n]!) % 2);
  }
  const expected = Array.from({ length }, (_, n) => (x1[n + 1600]! + x2[n + 1600]!) % 2);
  expect([...goldSequence(init, length)]).toEqual(expected);
  expect([...goldSequence(init, 5)]).toEqual(expected.slice(0, 5));
});
