export { ArgumentError, describeError, errorClass, SemcastError, type SemcastErrorOptions } from './errors.js';
export { nearestName, suggestName } from './nearest-name.js';
export { Places } from './places.js';
export { printable } from './printable.js';
export { philox4x32, RandomSource, randomFor, type DrawCoordinates } from './random.js';
export { redact } from './redact.js';
export { isSecretName, REDACTED, redactUrls } from './secrets.js';
export { meanPower, sizeOf, tensor, type ComplexVector, type RgbImage, type Tensor } from './tensor.js';
export {
  cbrValue,
  csnrDbToNoiseVariance,
  dbToPower,
  formatCbr,
  noiseVarianceToCsnrDb,
  parseCbr,
  powerToDb,
  type Cbr,
} from './units.js';
