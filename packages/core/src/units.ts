import { ArgumentError } from './errors.js';

/** 10^(dB/10): a power ratio from decibels. */
export function dbToPower(db: number): number {
  return 10 ** (db / 10);
}

/** 10·log10(ratio): decibels from a power ratio. */
export function powerToDb(ratio: number): number {
  return 10 * Math.log10(ratio);
}

/**
 * N0, the noise variance per *complex* symbol, at a channel SNR.
 *
 * CSNR = E|h z|² / N0 with E|z|² = 1 per complex symbol, so N0 = 10^(-csnrDb/10) and each real part of the noise
 * has variance N0/2. (Code that adds N0/2 to a *real* unit-power signal is 3 dB kinder.)
 */
export function csnrDbToNoiseVariance(csnrDb: number): number {
  return 10 ** (-csnrDb / 10);
}

/** A channel bandwidth ratio as the field writes it: complex channel uses per real image value, `1/24`. */
export interface Cbr {
  readonly numerator: number;
  readonly denominator: number;
}

/**
 * Parse `1/24` (or `0.0417`-like decimals, kept as `x/1`) into a ratio.
 *
 * @throws ArgumentError when the text is no positive ratio below one.
 */
export function parseCbr(text: string): Cbr {
  const match = /^\s*(\d+)\s*\/\s*(\d+)\s*$/.exec(text);
  const cbr = match
    ? { numerator: Number(match[1]), denominator: Number(match[2]) }
    : { numerator: Number(text), denominator: 1 };
  const value = cbr.numerator / cbr.denominator;
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0 || value >= 1) {
    throw new ArgumentError(`"${text}" is no channel bandwidth ratio`, {
      remedy: 'write complex channel uses per image value as a fraction below one, for example 1/24',
    });
  }
  return cbr;
}

/** `1/24`, the way a ratio is shown and sent. */
export function formatCbr(cbr: Cbr): string {
  return cbr.denominator === 1 ? String(cbr.numerator) : `${cbr.numerator}/${cbr.denominator}`;
}

/** The ratio as a number. */
export function cbrValue(cbr: Cbr): number {
  return cbr.numerator / cbr.denominator;
}
