import { sizeOf, type RgbImage, type Tensor } from '@semcast/core';
import { FeedError, InferenceError } from './errors.js';
import type { Normalisation } from './types.js';

/** The smallest multiple of `multiple` that is at least `size`. */
export function padTo(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

/**
 * Which source row (or column) each of `padded` rows is a copy of: reflection about the last row (which isn't
 * repeated), or the last row over and over where the picture is too short to reflect.
 */
function paddingMap(size: number, padded: number): Int32Array {
  const reflects = padded - size <= size - 1;
  return Int32Array.from({ length: padded }, (_, i) => {
    if (i < size) {
      return i;
    }
    return reflects ? 2 * (size - 1) - i : size - 1;
  });
}

/** @throws FeedError when the picture's data doesn't have 3·width·height bytes. */
export function checkImage({ width, height, data }: RgbImage): void {
  const whole = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width >= 1 && height >= 1;
  if (!whole || data.length !== 3 * width * height) {
    throw new FeedError(
      `a picture of ${width}×${height} pixels needs ${3 * width * height} bytes, not ${data.length}`,
      {
        remedy: 'pass R, G, B interleaved, 8 bits each, without an alpha channel',
      },
    );
  }
}

/**
 * 8-bit pictures of one padded size as network input: [B,3,H',W'], (rgb/255 - mean)/std, padded at the right and the
 * bottom to multiples of `multiple`.
 */
export function imagesToTensor(images: readonly RgbImage[], multiple: number, normalisation: Normalisation): Tensor {
  images.forEach(checkImage);
  const paddedWidth = padTo(images[0]?.width ?? 0, multiple);
  const paddedHeight = padTo(images[0]?.height ?? 0, multiple);
  const data = new Float32Array(images.length * 3 * paddedWidth * paddedHeight);
  // 256 possible values of a channel: a table instead of two divisions a pixel.
  const tables = normalisation.mean.map((mean, channel) =>
    Float32Array.from({ length: 256 }, (_, value) => (value / 255 - mean) / normalisation.std[channel]!),
  );
  let out = 0;
  for (const { width, height, data: pixels } of images) {
    const columns = paddingMap(width, paddedWidth);
    const rows = paddingMap(height, paddedHeight);
    for (const [channel, table] of tables.entries()) {
      for (let y = 0; y < paddedHeight; y++) {
        const row = 3 * width * rows[y]! + channel;
        for (let x = 0; x < paddedWidth; x++) {
          data[out++] = table[pixels[row + 3 * columns[x]!]!]!;
        }
      }
    }
  }
  return { data, dims: [images.length, 3, paddedHeight, paddedWidth] };
}

/**
 * The reverse: a [B,3,H,W] network output as B 8-bit pictures, each cropped (top left) to its own size, values
 * rounded and clamped to 0 … 255;
 * null where a value is NaN: the pictures of a batch belong to different frames.
 *
 * @throws FeedError when the tensor holds no such pictures.
 */
export function tensorToImages(
  { data, dims }: Tensor,
  sizes: readonly { readonly width: number; readonly height: number }[],
  normalisation: Normalisation,
): (RgbImage | null)[] {
  const [batch = 0, channels = 0, tensorHeight = 0, tensorWidth = 0] = dims;
  const fits = sizes.every(
    ({ width, height }) => width >= 1 && height >= 1 && width <= tensorWidth && height <= tensorHeight,
  );
  if (dims.length !== 4 || channels !== 3 || batch !== sizes.length || data.length !== sizeOf(dims) || !fits) {
    const wanted = sizes.map(({ width, height }) => `${width}×${height}`).join(', ');
    throw new FeedError(`a tensor of shape [${dims.join(', ')}] holds no pictures of ${wanted}`, {
      remedy: "the bundle's decoder must give [batch, 3, height, width] of the padded size; export it again",
    });
  }
  const plane = tensorWidth * tensorHeight;
  return sizes.map(({ width, height }, item) => {
    // A clamped array rounds and clamps as it stores.
    const pixels = new Uint8ClampedArray(3 * width * height);
    let isNumber = true;
    for (let channel = 0; channel < 3; channel++) {
      const scale = normalisation.std[channel]! * 255;
      const offset = normalisation.mean[channel]! * 255;
      const start = (3 * item + channel) * plane;
      for (let y = 0; y < height; y++) {
        let out = 3 * width * y + channel;
        const row = start + tensorWidth * y;
        for (let x = 0; x < width; x++) {
          const value = data[row + x]!;
          isNumber &&= value === value;
          pixels[out] = value * scale + offset;
          out += 3;
        }
      }
    }
    return isNumber ? { width, height, data: new Uint8Array(pixels.buffer) } : null;
  });
}

/** @throws InferenceError when {@link tensorToImages} found no picture */
export function pictureOrThrow(image: RgbImage | null): RgbImage {
  if (image === null) {
    throw new InferenceError('the networks made a picture with values that are no numbers (NaN)', {
      remedy: 'restore the bundle, or export it again; a sampler needs smaller steps or weights',
    });
  }
  return image;
}
