import { meanPower, type ComplexVector } from '@semcast/core';
import { complexCount } from './complex.js';
import { PowerError } from './errors.js';

/**
 * Scale symbols to unit mean power per complex symbol: ẑ = scale·z with scale = 1/√(mean|z|²).
 *
 * @returns new symbols, and the factor that was applied
 * @throws PowerError when the symbols have no power, or one that is no number
 */
export function normalisePower(symbols: ComplexVector): { symbols: ComplexVector; scale: number } {
  complexCount(symbols);
  const power = meanPower(symbols);
  if (!(power > 0 && power < Infinity)) {
    throw new PowerError(`symbols of mean power ${power} can't be scaled to unit power`);
  }
  const scale = 1 / Math.sqrt(power);
  return { symbols: symbols.map((value) => scale * value), scale };
}
