import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FeedError } from './errors.js';
import { imagesToTensor, pictureOrThrow, tensorToImages } from './images.js';

const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
/** The network sees plain 0 … 1. */
const plain = { mean: [0, 0, 0], std: [1, 1, 1] } as const;

describe('imagesToTensor, of one picture', () => {
  it('separates the colours and normalises each', () => {
    const image = { width: 2, height: 1, data: Uint8Array.of(0, 51, 255, 255, 102, 0) };
    const { data, dims } = imagesToTensor([image], 1, { mean: [0.5, 0, 0], std: [0.5, 1, 2] });
    expect(dims).toEqual([1, 3, 1, 2]);
    const expected = [-1, 1, 0.2, 0.4, 0.5, 0];
    expected.forEach((value, i) => expect(data[i]).toBeCloseTo(value, 6));
  });

  it('pads by reflection, without repeating the edge', () => {
    // One row of 5 (red 0 … 4), padded to 8: 0 1 2 3 4 | 3 2 1.
    const image = { width: 5, height: 1, data: Uint8Array.from({ length: 15 }, (_, i) => Math.floor(i / 3)) };
    const { data, dims } = imagesToTensor([image], 8, plain);
    expect(dims).toEqual([1, 3, 8, 8]);
    const row = [0, 1, 2, 3, 4, 3, 2, 1];
    // A height of 1 can't be reflected: its only row is repeated.
    for (const y of [0, 1, 7]) {
      expect(Array.from(data.subarray(8 * y, 8 * y + 8), (value) => Math.round(value * 255))).toEqual(row);
    }
  });

  it('repeats the edge where a side is too short to reflect', () => {
    const image = { width: 3, height: 1, data: Uint8Array.of(0, 0, 0, 1, 1, 1, 2, 2, 2) };
    const { data } = imagesToTensor([image], 8, plain);
    expect(Array.from(data.subarray(0, 8), (value) => Math.round(value * 255))).toEqual([0, 1, 2, 2, 2, 2, 2, 2]);
  });

  it('refuses data that is not 3·width·height bytes', () => {
    expect(() => imagesToTensor([{ width: 2, height: 2, data: new Uint8Array(16) }], 1, half)).toThrow(
      /2×2 .* 12 bytes, not 16/,
    );
    expect(() => imagesToTensor([{ width: 0, height: 2, data: new Uint8Array(0) }], 1, half)).toThrow(FeedError);
  });
});

describe('imagesToTensor', () => {
  it('puts pictures one after the other, each as it would be alone', () => {
    const images = [3, 4].map((width) => ({
      width,
      height: 2,
      data: Uint8Array.from({ length: 6 * width }, (_, i) => (37 * i + width) % 256),
    }));
    const { data, dims } = imagesToTensor(images, 4, half);
    expect(dims).toEqual([2, 3, 4, 4]);
    const alone = images.map((image) => [...imagesToTensor([image], 4, half).data]);
    expect([...data]).toEqual(alone.flat());
  });
});

describe('tensorToImages', () => {
  it('rounds and clamps', () => {
    const data = Float32Array.of(-1.5, 0.0039, 3, -2, 1, -1, 0.2, Infinity, -Infinity, 0, 0, 0);
    const [image] = tensorToImages({ data, dims: [1, 3, 2, 2] }, [{ width: 2, height: 2 }], half);
    expect([...image!.data]).toEqual([0, 255, 0, 128, 0, 128, 255, 153, 128, 0, 255, 128]);
  });

  it('has no picture where one value of it is no number, and the others of the batch', () => {
    const data = new Float32Array(2 * 3);
    data[4] = NaN;
    const size = { width: 1, height: 1 };
    const [first, second] = tensorToImages({ data, dims: [2, 3, 1, 1] }, [size, size], half);
    expect([...pictureOrThrow(first!).data]).toEqual([128, 128, 128]);
    expect(() => pictureOrThrow(second!)).toThrow(/NaN/);
  });

  it('gives back, for any size and stride, the picture that went in', () => {
    const side = fc.integer({ min: 1, max: 37 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 16 }), fc.integer(), (width, height, multiple, seed) => {
        const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => Math.imul(i + seed, 2654435761) >>> 24);
        const tensor = imagesToTensor([{ width, height, data }], multiple, half);
        expect(tensor.dims[2]! % multiple).toBe(0);
        expect(tensor.dims[3]! % multiple).toBe(0);
        const [back] = tensorToImages(tensor, [{ width, height }], half);
        expect(back).toEqual({ width, height, data });
      }),
      { numRuns: 200 },
    );
  });

  it('crops each picture of a batch to its own size', () => {
    const data = Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => i / 255);
    const images = tensorToImages(
      { data, dims: [2, 3, 2, 2] },
      [
        { width: 1, height: 2 },
        { width: 2, height: 1 },
      ],
      plain,
    );
    expect(images.map((image) => Array.from(pictureOrThrow(image).data))).toEqual([
      [0, 4, 8, 2, 6, 10],
      [12, 16, 20, 13, 17, 21],
    ]);
  });

  it('refuses sizes that are not in the tensor', () => {
    const tensor = { data: new Float32Array(12), dims: [1, 3, 2, 2] };
    for (const sizes of [
      [],
      [{ width: 3, height: 2 }],
      [
        { width: 1, height: 1 },
        { width: 1, height: 1 },
      ],
    ]) {
      expect(() => tensorToImages(tensor, sizes, half)).toThrow(FeedError);
    }
  });
});
