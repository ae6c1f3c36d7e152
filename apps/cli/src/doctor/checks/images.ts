import { describeError } from '@semcast/core';
import { ok, problem, type Check } from '../check.js';

export const images: Check = {
  name: 'images',
  title: 'Image library',
  run: async () => {
    try {
      // Loaded here: a missing binary shows when sharp is imported, and is what this check is for.
      const { default: sharp } = await import('sharp');
      const pixels = { create: { width: 16, height: 16, channels: 3 as const, background: '#c60' } };
      const formats: string[] = [];
      for (const format of ['png', 'jpeg', 'webp'] as const) {
        const bytes = await sharp(pixels).toFormat(format).toBuffer();
        const { width } = await sharp(bytes).metadata();
        if (width === 16) {
          formats.push(format);
        }
      }
      return formats.length === 3
        ? ok(
            `sharp ${sharp.versions.sharp ?? ''} (libvips ${sharp.versions.vips}), reads and writes ${formats.join(', ')}`,
          )
        : problem(`sharp handles ${formats.join(', ') || 'no format'} only`, 'install again: npm run setup');
    } catch (error) {
      return problem(`sharp can't be used: ${describeError(error)}`, 'install again on this machine: npm run setup');
    }
  },
};
