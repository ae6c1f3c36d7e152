import { randomFor, type RgbImage } from '@semcast/core';

/**
 * A picture that a codec has something to do with: a slope of colour, a few soft discs, and a little grain. The same
 * seed gives the same picture.
 */
export function testPicture(width: number, height: number, seed = 0): RgbImage {
  const random = randomFor({ seed, stream: 'testkit', frame: 0, purpose: 'picture' });
  const discs = Array.from({ length: 5 }, () => ({
    x: random.uniform() * width,
    y: random.uniform() * height,
    radius: (0.1 + 0.3 * random.uniform()) * Math.min(width, height),
    colour: [random.uniform(), random.uniform(), random.uniform()] as const,
  }));
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const base = [x / width, y / height, 1 - x / width];
      const grain = 0.02 * random.normal();
      for (let channel = 0; channel < 3; channel++) {
        let value = base[channel]! * 0.6 + 0.2;
        for (const disc of discs) {
          const distance = Math.hypot(x - disc.x, y - disc.y) / disc.radius;
          const cover = 1 / (1 + Math.exp(8 * (distance - 1)));
          value = value * (1 - cover) + disc.colour[channel]! * cover;
        }
        data[3 * (y * width + x) + channel] = Math.max(0, Math.min(255, Math.round(255 * (value + grain))));
      }
    }
  }
  return { width, height, data };
}
