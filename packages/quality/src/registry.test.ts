import { describe, expect, it } from 'vitest';
import { flat, noisy, picture } from '../fixtures/test-pictures.js';
import type { QualityMetric } from './metric.js';
import { allFigures, measureQuality, qualityMetrics } from './registry.js';

/** What every metric owes, by being in the registry. */
describe.each(Object.entries<QualityMetric>(qualityMetrics))('conformance of %s', (key, metric) => {
  const original = picture(208, 192);
  const value = (decoded: typeof original) => metric.compute(original, decoded)!;
  /** How much better the first is than the second. */
  const gain = (first: number, second: number) => (metric.higherIsBetter ? first - second : second - first);

  it('is called what its key says', () => {
    expect(metric.name).toBe(key);
    expect(metric.name).toMatch(/^[a-z][A-Za-z0-9]*$/);
  });

  it('says how its figures are shown', () => {
    const { label, decimals, range, buckets } = metric;
    expect(label).toMatch(/^\S/);
    expect(decimals).toBeOneOf([0, 1, 2, 3, 4, 5, 6]);
    for (const ascending of [range, buckets]) {
      expect(ascending.toSorted((a, b) => a - b)).toEqual(ascending);
      expect(new Set(ascending).size).toBe(ascending.length);
    }
  });

  it('gives its best value to equal pictures, and to nothing else', () => {
    expect(value({ ...original, data: original.data.slice() })).toBe(metric.best);
    const oneBitOff = original.data.slice();
    oneBitOff[3 * 208 * 96 + 301] = oneBitOff[3 * 208 * 96 + 301]! + 1;
    expect(gain(metric.best, value({ ...original, data: oneBitOff }))).toBeGreaterThan(0);
  });

  it('falls with every step of noise', () => {
    let previous = metric.best;
    for (const amplitude of [4, 8, 16, 32, 64, 128]) {
      const next = value(noisy(original, amplitude, 5));
      expect(gain(previous, next), `noise of ${amplitude}`).toBeGreaterThan(0);
      previous = next;
    }
  });

  it('is finite on flat, black, white and opposite pictures', () => {
    for (const [a, b] of [
      [0, 0],
      [0, 255],
      [255, 255],
      [128, 127],
    ] as const) {
      expect(metric.compute(flat(200, 180, a), flat(200, 180, b)), `${a} against ${b}`).toSatisfy(Number.isFinite);
    }
    const negative = { ...original, data: original.data.map((v) => 255 - v) };
    expect(value(negative)).toSatisfy(Number.isFinite);
  });

  it('answers from its minimum size on, and with null below', () => {
    const at = (width: number, height: number) => metric.compute(flat(width, height, 9), flat(width, height, 9));
    const size = metric.minimumSize;
    expect(at(size, size)).toBe(metric.best);
    expect(at(size + 13, size)).toBe(metric.best);
    const tooSmall = [
      [size - 1, 300],
      [300, size - 1],
      [1, 1],
    ].filter((sides) => size > 1 && Math.min(...sides) > 0);
    expect(tooSmall.map(([width, height]) => at(width!, height!))).toEqual(tooSmall.map(() => null));
  });

  it('gives the same for the same, and changes no pixel', () => {
    const decoded = noisy(original, 20, 6);
    const copies = [original.data.slice(), decoded.data.slice()];
    expect(metric.compute(original, decoded)).toBe(metric.compute(original, decoded));
    expect([original.data, decoded.data].map((data, i) => Buffer.compare(data, copies[i]!))).toEqual([0, 0]);
  });

  it('refuses pictures that cannot be compared, with a message', () => {
    expect(() => metric.compute(picture(200, 190), picture(190, 200))).toThrow(
      expect.objectContaining({
        name: 'QualityError',
        code: 'E_IMAGE_SIZES',
        message: 'the original is 200×190, the decoded picture 190×200',
        remedy: 'compare pictures of equal size: crop the padding of the decoder away first',
      }),
    );
    const withAlpha = { width: 200, height: 190, data: new Uint8Array(4 * 200 * 190) };
    expect(() => metric.compute(picture(200, 190), withAlpha)).toThrow(
      expect.objectContaining({
        code: 'E_IMAGE_DATA',
        message: "a 200×190 RGB picture can't have 152000 bytes",
        remedy: 'pass interleaved RGB without alpha: 3·width·height bytes',
      }),
    );
    const empty = { width: 0, height: 0, data: new Uint8Array(0) };
    expect(() => metric.compute(empty, empty)).toThrow(expect.objectContaining({ code: 'E_IMAGE_DATA' }));
  });
});

describe('measureQuality', () => {
  it('gives one value a metric, as the metric itself does', () => {
    const original = picture(208, 192);
    const decoded = noisy(original, 30, 1);
    const report = measureQuality(original, decoded);
    expect(Object.keys(report)).toEqual(Object.keys(qualityMetrics));
    for (const [name, metric] of Object.entries<QualityMetric>(qualityMetrics)) {
      expect(report[name as keyof typeof report]).toBe(metric.compute(original, decoded));
    }
  });

  it('serves a picture of one pixel', () => {
    expect(measureQuality(flat(1, 1, 10), flat(1, 1, 35))).toMatchObject({
      psnrDb: expect.closeTo(20 * Math.log10(255 / 25), 12),
      ssim: null,
      msSsim: null,
    });
  });
});

describe('allFigures', () => {
  it('has what was measured by name, and leaves out what a small picture has none of', () => {
    const report = { ...measureQuality(flat(1, 1, 10), flat(1, 1, 35)), psnrDb: 20, ssim: 0.5, msSsim: null };
    const figures = allFigures({ ...report, metrics: { 'vgg-distance': 0.4 } });
    expect(figures).toMatchObject({ psnrDb: 20, ssim: 0.5, 'vgg-distance': 0.4 });
    expect(figures).not.toHaveProperty('msSsim');
  });
});
