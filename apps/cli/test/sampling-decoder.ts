import { decoders, type Decoder } from '@semcast/receiver';
import { z } from 'zod';

const optionsSchema = z.strictObject({
  steps: z.int().min(1).max(100).default(3).describe('denoising steps'),
  minSteps: z.int().min(1).default(1),
  brighter: z.int().min(0).max(50).default(0).describe('what is added to each value'),
});

/**
 * Behaves as a decoder that samples, without a network of its own: a preview, an intermediate picture a step, and in the
 * end the picture of jscc with something added.
 */
export function samplingDecoder(
  name: string,
  hooks: { readonly onBegin?: () => void; readonly onEnd?: () => void } = {},
): Decoder<typeof optionsSchema> {
  return {
    name,
    summary: 'for tests',
    optionsSchema,
    graphs: ['decoder'],
    decode: async (observation, networks, { steps, brighter }, context) => {
      hooks.onBegin?.();
      try {
        const { image } = await decoders.jscc.decode(observation, networks, {}, context);
        context.onPartial({ stage: 'preview', image, steps: 0 });
        for (let step = 1; step < steps; step++) {
          context.onPartial({ stage: 'intermediate', image, steps: step });
        }
        // Time to be seen at work.
        await new Promise((resolve) => {
          setTimeout(resolve, 20);
        });
        return { image: { ...image, data: image.data.map((value) => Math.min(255, value + brighter)) }, steps };
      } finally {
        hooks.onEnd?.();
      }
    },
  };
}
