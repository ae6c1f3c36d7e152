import { ArgumentError, cbrValue, formatCbr, parseCbr, type Cbr } from '@semcast/core';
import { UnknownRateError } from './errors.js';
import type { BundleManifest } from './manifest.js';

/** Under which channel a picture is encoded or decoded. */
export interface Condition {
  /** Channel SNR in dB per complex symbol; outside the range that the codec was trained for, the range's end counts. */
  readonly csnrDb: number;
  /** Channel bandwidth ratio, one of the bundle's rates. */
  readonly cbr: string | Cbr;
}

/** The rate at which results are usually given. */
const USUAL_CBR = '1/24';

function valueOf(cbr: string | Cbr): number {
  return cbrValue(typeof cbr === 'string' ? parseCbr(cbr) : cbr);
}

/** Index of the entry equal to `cbr`, however it is written (1/24, 2/48, 0.041666667). */
function findCbr(list: readonly string[], cbr: string | Cbr): number {
  const value = valueOf(cbr);
  return list.findIndex((entry) => Math.abs(valueOf(entry) / value - 1) < 1e-6);
}

/** How far a rate is from the usual one: as far at twice as at half of it. */
function distance(cbr: string): number {
  return Math.abs(Math.log(valueOf(cbr) / valueOf(USUAL_CBR)));
}

/** The default: the rate of the bundle that is nearest to 1/24, and the lower of two that are equally near. */
export function defaultRate(rates: readonly string[]): string {
  return rates.toSorted((a, b) => distance(a) - distance(b) || valueOf(a) - valueOf(b))[0]!;
}

function unknownRate(manifest: BundleManifest, cbr: string | Cbr, known: readonly string[]): UnknownRateError {
  const text = typeof cbr === 'string' ? cbr : formatCbr(cbr);
  return new UnknownRateError(`the bundle ${manifest.name} has no rate ${text}`, {
    remedy: `choose one of ${known.join(', ')}`,
  });
}

/**
 * How many latent channels a rate sends.
 *
 * @throws UnknownRateError (E_UNKNOWN_RATE), ArgumentError when the text is no ratio at all.
 */
export function activeChannels(manifest: BundleManifest, cbr: string | Cbr): number {
  const known = manifest.rates.map((rate) => rate.cbr);
  const rate = manifest.rates[findCbr(known, cbr)];
  if (rate === undefined) {
    throw unknownRate(manifest, cbr, known);
  }
  return rate.channels;
}

/** The nearest CSNR that the bundle's networks may be told. @throws ArgumentError for NaN */
export function clampCsnrDb({ csnrDb: { min, max } }: Pick<BundleManifest, 'csnrDb'>, csnrDb: number): number {
  if (Number.isNaN(csnrDb)) {
    throw new ArgumentError('a channel SNR must be a number of decibels, not NaN');
  }
  return Math.min(max, Math.max(min, csnrDb));
}

/**
 * RMSE of the one-shot decode in [-1,1] units, from the bundle's table: linear in dB between its CSNRs, its ends
 * beyond them. HiFi-DiffCom starts its sampling at this error level (docs/samplers.md).
 *
 * @throws UnknownRateError when the table has no such rate.
 */
export function decoderRmse(manifest: BundleManifest, { csnrDb, cbr }: Condition): number {
  const { csnrDb: axis, cbr: rates, values } = manifest.rmse;
  const column = findCbr(rates, cbr);
  if (column === -1) {
    throw unknownRate(manifest, cbr, rates);
  }
  const at = (row: number): number => values[row]![column]!;
  const above = axis.findIndex((value) => value >= csnrDb);
  if (above === 0) {
    return at(0);
  }
  if (above === -1) {
    return at(axis.length - 1);
  }
  const low = axis[above - 1]!;
  const fraction = (csnrDb - low) / (axis[above]! - low);
  return at(above - 1) + fraction * (at(above) - at(above - 1));
}
