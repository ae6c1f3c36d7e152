import { ArgumentError, type ComplexVector } from '@semcast/core';
import { packBits, unpackBits } from './bits.js';
import { appendCrc, crcLength, crcRemainder, type CrcName } from './crc.js';
import { goldSequence } from './gold.js';
import { encodeLdpc, ldpcCode } from './ldpc-code.js';
import { createLdpcDecoder, type LdpcDecoderOptions } from './ldpc-decoder.js';
import { mcsOf, type Mcs } from './mcs.js';
import { demodulate, modulate, type DemapperMethod, type ReceivedSymbols } from './modulation.js';
import { matchRate, recoverRate, rowsReached, type RateMatching } from './rate-matching.js';
import { baseGraphFor, codeBlockCount, segment, type Segmentation } from './segmentation.js';

/** c_init of the scrambling sequence: every transport block is scrambled alike. */
const SCRAMBLING_INIT = 2 ** 15;

/** What a transport block is sent with. */
export interface TransportFormat {
  /** I_MCS of TS 38.214, Table 5.1.3.1-2: 0 … 27. */
  readonly mcs: number;
  /** Complex symbols that it takes. */
  readonly symbols: number;
}

/** What came of one code block. */
export interface CodeBlockResult {
  /** Whether its CRC holds. */
  readonly ok: boolean;
  readonly iterations: number;
  /** The bytes of the payload that it carries: from `begin`, before `end`. */
  readonly begin: number;
  readonly end: number;
}

/** What came of a transport block. */
export interface TransportBlockResult {
  /** The payload, where a code block failed with errors. */
  readonly bytes: Uint8Array;
  /** Whether all CRCs hold, that of the transport block among them. */
  readonly ok: boolean;
  readonly blocks: readonly CodeBlockResult[];
  /** Mean over code blocks. */
  readonly iterations: number;
}

export interface DecodeOptions extends LdpcDecoderOptions {
  readonly demapper?: DemapperMethod;
}

/** All that follows from MCS, symbols and payload bytes. */
interface Layout {
  readonly mcs: Mcs;
  readonly crc: CrcName;
  /** Payload bytes with the zeros that make code blocks equal. */
  readonly paddedBytes: number;
  readonly segmentation: Segmentation;
  /** By code block. */
  readonly matchings: readonly RateMatching[];
}

/** TS 38.212, clause 7.2.1. */
function transportCrc(payloadBits: number): CrcName {
  return payloadBits > 3824 ? 'crc24a' : 'crc16';
}

/** Bytes that can be sent: at least 1, and so many that all code blocks are of one size. */
function paddedBytesOf(bytes: number, codeRate: number): number {
  const baseGraph = baseGraphFor(8 * bytes, codeRate);
  const crcBytes = crcLength(transportCrc(8 * bytes)) / 8;
  const blocks = codeBlockCount(8 * (bytes + crcBytes), baseGraph);
  return Math.ceil((bytes + crcBytes) / blocks) * blocks - crcBytes;
}

/**
 * Payload bytes that fit into complex symbols: symbols·Q_m·R bits, rounded down to whole bytes and equal code blocks.
 *
 * CRCs come on top, as in NR, so that the code's own rate is a little above R. TS 38.214, clause 5.1.3.2, rounds more
 * coarsely, so that retransmissions in other formats have the same size; there are none here.
 *
 * @returns 0 where not even a byte fits
 * @throws ArgumentError on an MCS that there isn't, or a number of symbols that is no positive integer
 */
export function transportBlockBytes({ mcs, symbols }: TransportFormat): number {
  const { efficiency, codeRate } = mcsOf(mcs);
  checkSymbols(symbols);
  let bytes = Math.floor((symbols * efficiency) / 8);
  while (bytes > 0 && paddedBytesOf(bytes, codeRate) > bytes) {
    bytes--;
  }
  return bytes;
}

function checkSymbols(symbols: number): void {
  if (!Number.isSafeInteger(symbols) || symbols < 1) {
    throw new ArgumentError(`a transport block can't take ${symbols} symbols, only a positive integer`);
  }
}

function layoutOf({ mcs: index, symbols }: TransportFormat, bytes: number): Layout {
  const mcs = mcsOf(index);
  const most = transportBlockBytes({ mcs: index, symbols });
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > most) {
    throw new ArgumentError(`${symbols} symbols at MCS ${index} take 1 … ${most} bytes, not ${bytes}`);
  }
  const paddedBytes = paddedBytesOf(bytes, mcs.codeRate);
  const payloadBits = 8 * paddedBytes;
  const crc = transportCrc(payloadBits);
  const segmentation = segment(payloadBits + crcLength(crc), baseGraphFor(payloadBits, mcs.codeRate));
  const code = ldpcCode(segmentation.baseGraph, segmentation.liftingSize);
  const { blocks, blockBits } = segmentation;
  const matchings = Array.from({ length: blocks }, (_, block) => {
    // Clause 5.4.2.1: the last blocks get the symbols that can't be shared out.
    const share = block < blocks - (symbols % blocks) ? Math.floor(symbols / blocks) : Math.ceil(symbols / blocks);
    return { code, blockBits, sentBits: share * mcs.order, order: mcs.order };
  });
  return { mcs, crc, paddedBytes, segmentation, matchings };
}

/**
 * Send bytes in symbols: CRC, code blocks, LDPC, rate matching, interleaving (TS 38.212, clauses 7.2.1 to 7.2.6),
 * scrambling and modulation (TS 38.211, clauses 7.3.1.1 and 7.3.1.2).
 *
 * Fewer bytes than {@link transportBlockBytes} get as many symbols, and so a lower rate.
 *
 * @param bytes 1 … {@link transportBlockBytes} of them
 * @returns `symbols` complex symbols of unit mean power, 2 values each
 * @throws ArgumentError on a format that there isn't, or a number of bytes that doesn't fit
 */
export function encodeTransportBlock(bytes: Uint8Array, format: TransportFormat): ComplexVector {
  const { mcs, crc, paddedBytes, segmentation, matchings } = layoutOf(format, bytes.length);
  const { blocks, blockBits, blockCrcBits } = segmentation;
  const block = new Uint8Array(8 * paddedBytes + crcLength(crc));
  block.set(unpackBits(bytes));
  appendCrc(crc, block, 8 * paddedBytes);
  const dataBits = blockBits - blockCrcBits;
  const sent = goldSequence(SCRAMBLING_INIT, format.symbols * mcs.order);
  let position = 0;
  for (let r = 0; r < blocks; r++) {
    const matching = matchings[r]!;
    const information = new Uint8Array(matching.code.informationBits);
    information.set(block.subarray(r * dataBits, (r + 1) * dataBits));
    if (blockCrcBits > 0) {
      appendCrc('crc24b', information, dataBits);
    }
    const coded = matchRate(matching, encodeLdpc(matching.code, information, rowsReached(matching)));
    for (let i = 0; i < coded.length; i++) {
      sent[position + i]! ^= coded[i]!;
    }
    position += coded.length;
  }
  return modulate(sent, mcs.order);
}

/**
 * Receive what {@link encodeTransportBlock} sent.
 *
 * @param received y, h and noise variance of each symbol, as an equaliser gets them
 * @param bytes how many were sent
 * @throws ArgumentError on another number of symbols than the format's, or what {@link encodeTransportBlock} throws on
 */
export function decodeTransportBlock(
  received: ReceivedSymbols,
  format: TransportFormat,
  bytes: number,
  { demapper, ...options }: DecodeOptions = {},
): TransportBlockResult {
  const { mcs, crc, paddedBytes, segmentation, matchings } = layoutOf(format, bytes);
  if (received.y.length !== 2 * format.symbols) {
    throw new ArgumentError(`a format of ${format.symbols} symbols can't have ${received.y.length / 2} received`);
  }
  const { blocks, blockBits, blockCrcBits } = segmentation;
  const llr = demodulate(received, mcs.order, demapper);
  const scrambling = goldSequence(SCRAMBLING_INIT, llr.length);
  for (let i = 0; i < llr.length; i++) {
    llr[i]! *= 1 - 2 * scrambling[i]!;
  }
  const dataBits = blockBits - blockCrcBits;
  const block = new Uint8Array(8 * paddedBytes + crcLength(crc));
  const { code } = matchings[0]!;
  const decoder = createLdpcDecoder(code, Math.max(...matchings.map(rowsReached)), options);
  const information = new Uint8Array(code.informationBits);
  const results: CodeBlockResult[] = [];
  let position = 0;
  for (let r = 0; r < blocks; r++) {
    const { iterations } = decoder.decode(recoverRate(matchings[r]!, llr, position), information);
    position += matchings[r]!.sentBits;
    block.set(information.subarray(0, dataBits), r * dataBits);
    const ok = blockCrcBits === 0 || crcRemainder('crc24b', information, blockBits) === 0;
    results.push({
      ok,
      iterations,
      begin: Math.min(bytes, (r * dataBits) / 8),
      end: Math.min(bytes, ((r + 1) * dataBits) / 8),
    });
  }
  const whole = crcRemainder(crc, block) === 0;
  return {
    bytes: packBits(block.subarray(0, 8 * paddedBytes)).subarray(0, bytes),
    ok: whole && results.every(({ ok }) => ok),
    // A single code block has no CRC but that of the transport block.
    blocks: blockCrcBits === 0 ? results.map((result) => ({ ...result, ok: whole })) : results,
    iterations: results.reduce((sum, { iterations }) => sum + iterations, 0) / blocks,
  };
}
