export { CSNR_LIMITS_DB, equalise, type Equalised, type EqualiseOptions } from './equalise.js';
export { PowerError, ShapeError } from './errors.js';
export { estimateCsnrDb } from './estimate.js';
export { expandGains, gainsToLatent, type Gains } from './gains.js';
export { deinterleave, interleave } from './interleaver.js';
export { latentToSymbols, symbolCount, symbolsToLatent, type LatentLayout } from './layout.js';
export { normalisePower } from './power.js';
export { measurementResidual, type ResidualOptions } from './residual.js';
