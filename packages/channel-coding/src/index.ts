export { BASE_GRAPHS, LIFTING_SETS, LIFTING_SIZES, type BaseGraph, type BaseGraphNumber } from './base-graphs.js';
export { packBits, unpackBits } from './bits.js';
export { appendCrc, crcLength, crcRemainder, type CrcName } from './crc.js';
export { goldSequence } from './gold.js';
export { encodeLdpc, ldpcCode, type LdpcCode } from './ldpc-code.js';
export { createLdpcDecoder, type LdpcDecoder, type LdpcDecoderOptions, type LdpcResult } from './ldpc-decoder.js';
export { MCS_TABLE, mcsFor, mcsOf, type Mcs } from './mcs.js';
export {
  demodulate,
  MODULATION_NAMES,
  modulate,
  type DemapperMethod,
  type ModulationOrder,
  type ReceivedSymbols,
} from './modulation.js';
export { matchRate, recoverRate, rowsReached, type RateMatching } from './rate-matching.js';
export { baseGraphFor, segment, type Segmentation } from './segmentation.js';
export {
  decodeTransportBlock,
  encodeTransportBlock,
  transportBlockBytes,
  type CodeBlockResult,
  type DecodeOptions,
  type TransportBlockResult,
  type TransportFormat,
} from './transport-block.js';
