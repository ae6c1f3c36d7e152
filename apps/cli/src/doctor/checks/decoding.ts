import type { Bundle } from '@semcast/bundle';
import { decoderNames, defaultDecoder, findDecoder, missingGraphs } from '../../decoders/registry.js';
import { ok, type Check, type CheckResult } from '../check.js';
import { withBundle } from './bundle.js';

/** Which decoders a bundle serves, which one a demonstration takes, and what the others lack. */
export function describeDecoders(bundle: Bundle): CheckResult {
  const offered = decoderNames.filter((name) => missingGraphs(bundle, findDecoder(name)!).length === 0);
  const others = decoderNames.filter((name) => !offered.includes(name));
  const lacking = [...new Set(others.flatMap((name) => missingGraphs(bundle, findDecoder(name)!)))];
  return ok(
    `this bundle offers ${offered.join(', ')}; semcast up takes ${defaultDecoder(bundle)}` +
      (others.length === 0 ? '' : `; ${others.join(', ')}: not without ${lacking.join(', ')}`),
  );
}

export const decoding: Check = {
  name: 'decoding',
  title: 'Decoders',
  run: withBundle(describeDecoders),
};
