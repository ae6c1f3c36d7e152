import type { Bundle } from '@semcast/bundle';
import type { DecoderOptions } from '@semcast/transmitter';
import type { DecoderOption } from '../arguments/decoder-options.js';
import { checkOptionNames, chooseOptions, validateOptions, type OptionedDecoder } from '../decoders/options.js';
import { isSampling } from '../decoders/registry.js';
import { UsageError } from '../errors.js';

/** A decoder with its options: what a sweep compares. */
export interface SweepVariant {
  /** Name of its bundle; undefined where a sweep has one. */
  readonly bundle?: string | undefined;
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

/** The bundles that a sweep compares, by the names that its rows have; undefined for the only one. */
export type NamedBundles = ReadonlyMap<string | undefined, Bundle>;

/** Bundles by the least that tells them apart: name, else with the version, else with the digest, too. */
export function nameBundles(bundles: readonly Bundle[]): NamedBundles {
  if (bundles.length === 1) {
    return new Map([[undefined, bundles[0]!]]);
  }
  const names = [
    ({ manifest }: Bundle) => manifest.name,
    ({ manifest }: Bundle) => `${manifest.name} ${manifest.version}`,
    ({ manifest, digest }: Bundle) => `${manifest.name} ${manifest.version} ${digest.slice(0, 8)}`,
  ].map((nameOf) => bundles.map(nameOf));
  const chosen = names.find((found) => new Set(found).size === bundles.length);
  if (chosen === undefined) {
    throw new UsageError('--bundle: a bundle is given twice', { remedy: 'name each once' });
  }
  return new Map(chosen.map((name, i) => [name, bundles[i]!]));
}

/** The field of a row that names the bundle, where a sweep has several. */
export function bundleOf({ bundle }: Pick<SweepVariant, 'bundle'>): { readonly bundle?: string } {
  return bundle === undefined ? {} : { bundle };
}

/** How a variant is called in names of files: `conditional-8steps`, `distilled-realism=0.5-1steps`. */
export function variantName({ bundle, decoder, steps }: Pick<SweepVariant, 'bundle' | 'decoder' | 'steps'>): string {
  const name = [bundle ?? [], decoder].flat().join('-').replaceAll(' ', '-');
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
