import type { Bundle } from '@semcast/bundle';
import { decoders, type Decoder } from '@semcast/receiver';
import { UsageError } from '../errors.js';

const byName: Readonly<Record<string, Decoder>> = decoders;

/** Every decoder that this release has, whatever a bundle offers. */
export const decoderNames = Object.keys(decoders) as readonly (keyof typeof decoders)[];

/** Undefined for one that this release doesn't know: a receiver elsewhere may. */
export function findDecoder(name: string): Decoder | undefined {
  return Object.hasOwn(byName, name) ? byName[name] : undefined;
}

/** Whether a decoder takes steps: then it sends a preview first. */
export function isSampling({ optionsSchema }: Pick<Decoder, 'optionsSchema'>): boolean {
  return 'steps' in optionsSchema.shape;
}

/** Graphs that a decoder needs and a bundle doesn't have. */
export function missingGraphs({ graphs }: Pick<Bundle, 'graphs'>, decoder: Decoder): string[] {
  return decoder.graphs.filter((graph) => graphs[graph] === undefined);
}

/**
 * A decoder that this release has and the bundle serves.
 *
 * @throws UsageError saying what is missing
 */
export function requireDecoder(name: string, bundle: Bundle): Decoder {
  const decoder = findDecoder(name);
  if (decoder === undefined) {
    throw new UsageError(`this release has no decoder "${name}"`, { remedy: `choose from ${decoderNames.join(', ')}` });
  }
  const missing = missingGraphs(bundle, decoder);
  if (missing.length > 0) {
    throw new UsageError(
      `the decoder ${name} needs ${missing.join(' and ')}, which the bundle ${bundle.manifest.name} doesn't have`,
      { remedy: `use ${defaultDecoder(bundle)}, or another --bundle` },
    );
  }
  return decoder;
}

/** The decoder of the demonstration: the best that a bundle has, with its defaults. */
export function defaultDecoder(bundle: Pick<Bundle, 'graphs'>): 'distilled' | 'conditional' | 'jscc' {
  const offered = (['distilled', 'conditional'] as const).find(
    (name) => missingGraphs(bundle, decoders[name]).length === 0,
  );
  return offered ?? 'jscc';
}
