import type { Bundle, GraphName } from '@semcast/bundle';
import { samplerNames, type SamplerName } from '@semcast/posterior';
import { DecoderGraphsError } from '../errors.js';
import type { Decoder } from './decoder.js';
import { digital } from './digital.js';
import { jscc } from './jscc.js';
import { samplerDecoder } from './sampler-decoder.js';

/** Every sampler of `packages/posterior` is a decoder. */
const samplerDecoders = Object.fromEntries(samplerNames.map((name) => [name, samplerDecoder(name)])) as Readonly<
  Record<SamplerName, Decoder>
>;

/** Every decoder. A new one is a sampler, or a file beside this and a line here. */
export const decoders = {
  jscc,
  digital,
  ...samplerDecoders,
} as const satisfies Record<string, Decoder>;

export type DecoderName = keyof typeof decoders;

/** The names of the decoders, in the registry's order. */
export const decoderNames = Object.keys(decoders) as readonly DecoderName[];

/**
 * The decoders that a receiver offers, by name, in the registry's order.
 *
 * @param wanted their names; default: all that the bundle has graphs for
 * @throws DecoderGraphsError when the bundle lacks graphs of one that is wanted
 */
export function decodersOf(
  { graphs, manifest }: Pick<Bundle, 'graphs' | 'manifest'>,
  wanted?: readonly string[],
): ReadonlyMap<string, Decoder> {
  const missing = (decoder: Decoder): GraphName[] => decoder.graphs.filter((graph) => graphs[graph] === undefined);
  const offered = Object.values<Decoder>(decoders).filter((decoder) =>
    wanted === undefined ? missing(decoder).length === 0 : wanted.includes(decoder.name),
  );
  for (const decoder of offered) {
    const lacking = missing(decoder);
    if (lacking.length > 0) {
      const { name } = decoder;
      throw new DecoderGraphsError(
        `the decoder "${name}" needs ${lacking.join(', ')}, which the bundle ${manifest.name} ${manifest.version} lacks`,
        { remedy: `take "${name}" out of decoders, or give a bundle that has them` },
      );
    }
  }
  return new Map(offered.map((decoder) => [decoder.name, decoder]));
}

/** The graphs that are loaded for some decoders: the codec's decoder for all, and what they name. */
export function graphsOf(
  offered: ReadonlyMap<string, Decoder>,
  { residual }: { readonly residual: boolean },
): ReadonlySet<GraphName> {
  const named = [...offered.values()].flatMap(({ graphs }) => graphs);
  return new Set<GraphName>(['decoder', ...(residual ? (['encoder'] as const) : []), ...named]);
}
