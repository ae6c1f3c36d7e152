import type { Bundle } from '@semcast/bundle';
import type { Decoder } from './decoder.js';
import { jscc } from './jscc.js';

/** Every decoder. A new one is a file beside this and a line here. */
export const decoders = {
  jscc,
} as const satisfies Record<string, Decoder>;

export type DecoderName = keyof typeof decoders;

/** The decoders that a bundle has the graphs for, by name, in the registry's order. */
export function decodersOf(bundle: Bundle): ReadonlyMap<string, Decoder> {
  const offered = Object.values<Decoder>(decoders).filter(({ graphs }) =>
    graphs.every((graph) => bundle.graphs[graph] !== undefined),
  );
  return new Map(offered.map((decoder) => [decoder.name, decoder]));
}
