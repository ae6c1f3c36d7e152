import type { DecoderOptions } from '@semcast/transmitter';
import type { DecoderOption } from '../arguments/decoder-options.js';
import { checkOptionNames, chooseOptions, validateOptions, type OptionedDecoder } from '../decoders/options.js';
import { isSampling } from '../decoders/registry.js';
import { UsageError } from '../errors.js';

/** A decoder with its options: what a sweep compares. */
export interface SweepVariant {
  /** What its rows are called: the decoder, with the values of options that the sweep varies: `distilled realism=0.5`. */
  readonly decoder: string;
  /** The decoder that is asked for. */
  readonly asked: string;
  /** The steps that it is asked for; 0 for a decoder of one pass. */
  readonly steps: number;
  /** The options that are sent to the receiver; undefined for defaults only. */
  readonly options: DecoderOptions | undefined;
  /** The same with every default filled in, for the report. */
  readonly completeOptions: Readonly<Record<string, unknown>>;
}

/** How a variant is called in names of files: `conditional-8steps`, `distilled-realism=0.5-1steps`. */
export function variantName({ decoder, steps }: Pick<SweepVariant, 'decoder' | 'steps'>): string {
  const name = decoder.replaceAll(' ', '-');
  return steps === 0 ? name : `${name}-${steps}steps`;
}

/**
 * Every decoder, once for each number of steps and each value of an option that is given several times, in that order.
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
    chooseOptions(decoder, options, steps).map(({ sent, complete, varied }): SweepVariant => {
      const count = isSampling(decoder) ? Number(complete['steps']) : 0;
      // A busy receiver spends fewer steps before it refuses a frame: a measurement wants all of them.
      const exact =
        'minSteps' in decoder.optionsSchema.shape && !('minSteps' in sent)
          ? validateOptions(decoder, { ...sent, minSteps: count })
          : { sent, complete };
      return {
        decoder: [decoder.name, ...Object.entries(varied).map(([name, value]) => `${name}=${String(value)}`)].join(' '),
        asked: decoder.name,
        steps: count,
        options: Object.keys(exact.sent).length === 0 ? undefined : exact.sent,
        completeOptions: exact.complete,
      };
    }),
  );
}
