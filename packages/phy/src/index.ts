export {
  estimateBlindly,
  fitTaps,
  gainsOfTaps,
  type SymbolStatistics,
  type TapEstimate,
  type TapFit,
  type TapModel,
} from './blind.js';
export { CSNR_LIMITS_DB, equalise, limitedCsnrDb, type Equalised, type Equaliser } from './equalise.js';
export { PowerError, ShapeError, WaveformError } from './errors.js';
export { estimateCsnrDb } from './estimate.js';
export { deinterleave, deinterleaveReal, interleave } from './interleaver.js';
export { latentToSymbols, symbolCount, symbolsToLatent, type LatentLayout } from './layout.js';
export { createModem, waveformNames, waveforms, type WaveformName } from './waveforms/registry.js';
export type { Demodulated, Modem, ReceivedSymbols, Waveform } from './waveforms/waveform.js';
export { whiten } from './whiten.js';
