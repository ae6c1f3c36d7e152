import type { DecoderOptions } from '@semcast/transmitter';
import type { DecoderOption } from '../arguments/decoder-options.js';
import { checkOptionNames, chooseOptions, validateOptions, type OptionedDecoder } from '../decoders/options.js';
import { isSampling } from '../decoders/registry.js';
import { UsageError } from '../errors.js';

/** A decoder with its options: what a sweep compares. */
export interface SweepVariant {
  readonly decoder: string;
  /** The steps that it is asked for; 0 for a decoder of one pass. */
  readonly steps: number;
  /** The options that are sent to the receiver; undefined for defaults only. */
  readonly options: DecoderOptions | undefined;
  /** The same with every default filled in, for the report. */
  readonly completeOptions: Readonly<Record<string, unknown>>;
}

/** How a variant is called where there may be several of its decoder: `conditional-8steps`. */
export function variantName({ decoder, steps }: Pick<SweepVariant, 'decoder' | 'steps'>): string {
  return steps === 0 ? decoder : `${decoder}-${steps}steps`;
}

/**
 * Every decoder, those that sample once for each number of steps, in the order given.
 *
 * @throws UsageError when an option means nothing to any of them or has a wrong value
 */
export function planVariants(
  chosen: readonly OptionedDecoder[],
  { steps, options }: { readonly steps: readonly number[] | undefined; readonly options: readonly DecoderOption[] },
): SweepVariant[] {
  if (steps !== undefined && !chosen.some(isSampling)) {
    const names = chosen.map(({ name }) => name);
    throw new UsageError(`--steps: ${names.join(', ')} ${names.length === 1 ? 'takes' : 'take'} no steps`, {
      remedy: 'leave out --steps, or choose a decoder that samples',
    });
  }
  checkOptionNames(chosen, options);
  return chosen.flatMap((decoder) =>
    chooseOptions(decoder, options, steps).map(({ sent, complete }): SweepVariant => {
      const asked = isSampling(decoder) ? Number(complete['steps']) : 0;
      // A busy receiver spends fewer steps before it refuses a frame: a measurement wants all of them.
      const exact =
        'minSteps' in decoder.optionsSchema.shape && !('minSteps' in sent)
          ? validateOptions(decoder, { ...sent, minSteps: asked })
          : { sent, complete };
      return {
        decoder: decoder.name,
        steps: asked,
        options: Object.keys(exact.sent).length === 0 ? undefined : exact.sent,
        completeOptions: exact.complete,
      };
    }),
  );
}
