import { z } from 'zod';
import type { Sampler } from './sampler.js';

/** What a sampler's options begin with: our defaults, or what its paper and its authors' code have. */
export const presetNames = ['default', 'published'] as const;

/** A schema whose options can be listed, although more is done with what is given than a `z.object` does. */
export interface OptionsSchema extends z.ZodType<Record<string, unknown>> {
  readonly shape: z.core.$ZodShape;
}

/**
 * The schema of everything that a sampler can be given: its own options, and `preset`.
 *
 * With `preset` `published` the sampler's published values take the place of the defaults; options that are given beside it
 * still count. What comes out has every option filled in, and gives the same again.
 *
 * @param extend adds options of whoever runs the sampler, or checks
 */
export function optionsSchemaOf(
  { name, optionsSchema, published }: Sampler,
  extend: (own: z.ZodObject) => z.ZodObject = (own) => own,
): OptionsSchema {
  const preset = z
    .enum(published === undefined ? ['default'] : presetNames, {
      error: ({ input }) =>
        published === undefined && input === 'published'
          ? `${name} has no preset "published": it is no published method; leave the preset out`
          : undefined,
    })
    .default('default')
    .describe('what takes the place of options that are left out: our defaults, or the published values')
    .meta({ presets: { published } });
  const object = extend(z.strictObject({ preset, ...optionsSchema.shape }));
  const withPreset = z.preprocess(
    (given) =>
      typeof given === 'object' && given !== null && 'preset' in given && given.preset === 'published'
        ? { ...published, ...given }
        : given,
    object,
  );
  return Object.assign(withPreset, { shape: object.shape });
}
