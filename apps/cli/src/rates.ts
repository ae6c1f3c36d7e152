import { defaultRate, type BundleManifest } from '@semcast/bundle';
import { sameCbr } from './arguments/values.js';
import { UsageError } from './errors.js';

/** A rate as the bundle writes it, or its default one. @throws UsageError naming the rates that there are */
export function rateOf({ name, rates }: BundleManifest, wanted: string | undefined): string {
  if (wanted === undefined) {
    return defaultRate(rates.map(({ cbr }) => cbr));
  }
  const rate = rates.find(({ cbr }) => sameCbr(cbr, wanted));
  if (rate === undefined) {
    throw new UsageError(`--cbr: the bundle ${name} has no rate ${wanted}`, {
      remedy: `choose from ${rates.map(({ cbr }) => cbr).join(', ')}`,
    });
  }
  return rate.cbr;
}
