/**
 * The frame format: a 16-byte prefix, a head, a payload. docs/adr/0001-wire-format.md has the reasons.
 *
 *     offset  bytes  field (little-endian)
 *          0      2  magic "SC"
 *          2      1  protocol version
 *          3      1  kind
 *          4      4  headBytes, a multiple of 8
 *          8      4  payloadBytes
 *         12      4  CRC-32/ISO-HDLC of bytes 0…11, the head and the payload
 *         16      …  head: 0 to 7 bytes of 0xc1, then one MessagePack map
 *          …      …  payload, 8-byte aligned within the message
 *
 * 0xc1 is the one byte that never begins a MessagePack value, so the padding needs no length of its own.
 */
import { printable } from '@semcast/core';
import type { z } from 'zod';
import { crc32 } from './crc.js';
import { FrameError } from './errors.js';
import {
  frameNumberSchema,
  HEAD_SCHEMAS,
  MESSAGE_KINDS,
  streamIdSchema,
  type Heads,
  type MessageKind,
  type WireMessage,
} from './heads.js';
import { DEFAULT_MAX_PAYLOAD_BYTES, MAX_HEAD_BYTES, PREFIX_BYTES, PROTOCOL_VERSION } from './limits.js';
import { packAfter, unpackScanned } from './msgpack.js';
import { framePayloadBytes } from './samples.js';

const MAGIC_S = 0x53;
const MAGIC_C = 0x43;
const PAD_BYTE = 0xc1;
const ALIGNMENT = 8;
const MAX_UINT32 = 0xffff_ffff;
const EMPTY = new Uint8Array(0);

const KIND_NAMES: ReadonlyMap<number, MessageKind> = new Map(
  Object.entries(MESSAGE_KINDS).map(([name, number]) => [number, name as MessageKind]),
);

type KindAndHead = { readonly [Kind in MessageKind]: { readonly kind: Kind; readonly head: Heads[Kind] } }[MessageKind];

/** The payload of a message: nothing, one piece of memory, or several that follow each other. */
export type PayloadSource = Uint8Array | readonly Uint8Array[];

/** An encoded message whose payload is still in the caller's memory. */
export interface EncodedFrame {
  readonly kind: MessageKind;
  /** Prefix and head in one piece of memory; its length is a multiple of 8. */
  readonly head: Uint8Array;
  /** The payload's pieces, in order; none for an empty payload. */
  readonly payload: readonly Uint8Array[];
  /** Bytes of the whole message. */
  readonly bytes: number;
}

/**
 * Encode a message without copying its payload, for a link that sends in parts.
 *
 * The pieces of the payload must not change until they are sent.
 *
 * @throws FrameError `E_FRAME_HEAD` when the head is not what its kind asks for; `E_FRAME_PAYLOAD` when the payload is
 *   not as long as the head says; `E_FRAME_TOO_LARGE` beyond {@link MAX_HEAD_BYTES} or 4 GiB.
 */
export function encodeFrameParts<Kind extends MessageKind>(
  kind: Kind,
  head: Heads[Kind],
  payload?: PayloadSource,
): EncodedFrame {
  checkHead(kind, head);
  const pieces = piecesOf(payload);
  let payloadBytes = 0;
  for (const piece of pieces) {
    payloadBytes += piece.byteLength;
  }
  if (payloadBytes > MAX_UINT32) {
    throw new FrameError('E_FRAME_TOO_LARGE', `a payload of ${payloadBytes} bytes doesn't fit into a message`);
  }
  checkPayload({ kind, head } as KindAndHead, payloadBytes);

  // The head's length decides the padding before it, so reserve the most and start at the matching offset.
  const packed = packAfter(head, PREFIX_BYTES + ALIGNMENT - 1);
  const valueBytes = packed.byteLength - (PREFIX_BYTES + ALIGNMENT - 1);
  const padding = -valueBytes & (ALIGNMENT - 1);
  const headBytes = padding + valueBytes;
  if (headBytes > MAX_HEAD_BYTES) {
    throw new FrameError(
      'E_FRAME_TOO_LARGE',
      `a head of ${headBytes} bytes is longer than the ${MAX_HEAD_BYTES} that a message may have`,
    );
  }
  const message = packed.subarray(ALIGNMENT - 1 - padding);
  message[0] = MAGIC_S;
  message[1] = MAGIC_C;
  message[2] = PROTOCOL_VERSION;
  message[3] = MESSAGE_KINDS[kind];
  writeUint32(message, 4, headBytes);
  writeUint32(message, 8, payloadBytes);
  message.fill(PAD_BYTE, PREFIX_BYTES, PREFIX_BYTES + padding);
  let checksum = crc32(message.subarray(PREFIX_BYTES), crc32(message.subarray(0, 12)));
  for (const piece of pieces) {
    checksum = crc32(piece, checksum);
  }
  writeUint32(message, 12, checksum);
  return { kind, head: message, payload: pieces, bytes: message.byteLength + payloadBytes };
}

/** Encode a message into one piece of memory: one allocation, and the payload copied once. Errors as above. */
export function encodeFrame<Kind extends MessageKind>(
  kind: Kind,
  head: Heads[Kind],
  payload?: PayloadSource,
): Uint8Array {
  return joinFrame(encodeFrameParts(kind, head, payload));
}

/** The parts of an encoded message as one piece of memory that nothing else uses. */
export function joinFrame(frame: EncodedFrame): Uint8Array {
  return joinPieces([frame.head, ...frame.payload], frame.bytes);
}

/**
 * Decode one message, whole or in the pieces in which it arrived.
 *
 * The payload is not copied: it is a view of the given memory, except when it arrived in several pieces.
 *
 * @throws FrameError; nothing else, whatever the bytes.
 */
export function decodeFrame(
  message: Uint8Array | readonly Uint8Array[],
  { maxPayloadBytes }: { readonly maxPayloadBytes: number } = { maxPayloadBytes: DEFAULT_MAX_PAYLOAD_BYTES },
): WireMessage {
  const pieces = message instanceof Uint8Array ? [message] : message;
  let bytes = 0;
  for (const piece of pieces) {
    bytes += piece.byteLength;
  }
  if (bytes < PREFIX_BYTES) {
    throw new FrameError(
      'E_FRAME_TRUNCATED',
      `a message of ${bytes} bytes is shorter than the prefix of ${PREFIX_BYTES}`,
    );
  }
  let first = pieces[0]!;
  if (first.byteLength < PREFIX_BYTES) {
    return decodeFrame(joinPieces(pieces, bytes), { maxPayloadBytes });
  }
  if (first[0] !== MAGIC_S || first[1] !== MAGIC_C) {
    throw new FrameError(
      'E_FRAME_MAGIC',
      `a message starts with the bytes ${hex(first[0]!)} ${hex(first[1]!)} instead of 53 43`,
    );
  }
  if (first[2] !== PROTOCOL_VERSION) {
    throw new FrameError(
      'E_FRAME_VERSION',
      `the peer speaks version ${first[2]} of the protocol, this end version ${PROTOCOL_VERSION}`,
    );
  }
  const kind = KIND_NAMES.get(first[3]!);
  if (kind === undefined) {
    throw new FrameError('E_FRAME_KIND', `a message has the unknown kind ${first[3]}`);
  }
  const headBytes = readUint32(first, 4);
  const payloadBytes = readUint32(first, 8);
  if (headBytes > MAX_HEAD_BYTES) {
    throw new FrameError(
      'E_FRAME_TOO_LARGE',
      `the head of a ${kind} message has ${headBytes} bytes; at most ${MAX_HEAD_BYTES} are taken`,
    );
  }
  if (payloadBytes > maxPayloadBytes) {
    throw new FrameError(
      'E_FRAME_TOO_LARGE',
      `the payload of a ${kind} message has ${payloadBytes} bytes; at most ${maxPayloadBytes} are taken`,
    );
  }
  const payloadStart = PREFIX_BYTES + headBytes;
  if (bytes < payloadStart + payloadBytes) {
    throw new FrameError(
      'E_FRAME_TRUNCATED',
      `a ${kind} message has ${bytes} of its ${payloadStart + payloadBytes} bytes`,
    );
  }
  if (bytes > payloadStart + payloadBytes) {
    throw new FrameError(
      'E_FRAME_OVERLONG',
      `a ${kind} message has ${bytes} bytes, though it says ${payloadStart + payloadBytes}`,
    );
  }
  if (headBytes % ALIGNMENT !== 0) {
    throw new FrameError(
      'E_FRAME_HEAD',
      `the head of a ${kind} message has ${headBytes} bytes, which is no multiple of ${ALIGNMENT}`,
    );
  }

  let payload: Uint8Array;
  if (pieces.length === 1) {
    payload = first.subarray(payloadStart);
  } else if (first.byteLength === payloadStart) {
    // How this package sends: the head as one fragment, the payload's pieces behind it.
    payload = pieces.length === 2 ? pieces[1]! : joinPieces(pieces.slice(1), payloadBytes);
  } else {
    // Any other cut is legal too, and merely slower.
    first = joinPieces(pieces, bytes);
    payload = first.subarray(payloadStart);
  }
  const checksum = crc32(payload, crc32(first.subarray(PREFIX_BYTES, payloadStart), crc32(first.subarray(0, 12))));
  const expected = readUint32(first, 12);
  if (checksum !== expected) {
    throw new FrameError(
      'E_FRAME_CHECKSUM',
      `the checksum of a ${kind} message is ${hex(checksum, 8)}, though it says ${hex(expected, 8)}`,
    );
  }
  const head = decodeHead(kind, first.subarray(PREFIX_BYTES, payloadStart));
  const decoded = { kind, head, payload } as WireMessage;
  checkPayload(decoded, payloadBytes);
  return decoded;
}

function decodeHead(kind: MessageKind, bytes: Uint8Array): WireMessage['head'] {
  let start = 0;
  while (bytes[start] === PAD_BYTE) {
    start++;
  }
  if (start >= ALIGNMENT) {
    throw new FrameError(
      'E_FRAME_HEAD',
      `the head of a ${kind} message starts with ${start} padding bytes; at most 7 are allowed`,
    );
  }
  let value: unknown;
  try {
    value = unpackScanned(bytes.subarray(start));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FrameError('E_FRAME_HEAD', `the head of a ${kind} message can't be read: ${why}`, { cause });
  }
  return checkHead(kind, value);
}

/**
 * The head as its schema returns it.
 *
 * @throws FrameError `E_FRAME_HEAD`, or `E_FRAME_VERSION` when a hello or welcome is for another version of the protocol.
 */
export function checkHead(kind: MessageKind, value: unknown): WireMessage['head'] {
  const parsed = HEAD_SCHEMAS[kind].safeParse(value);
  if (parsed.success) {
    return parsed.data;
  }
  if ((kind === 'hello' || kind === 'welcome') && isOtherProtocol(value)) {
    throw new FrameError(
      'E_FRAME_VERSION',
      `the ${kind} is for version ${value.protocol} of the protocol, this end speaks version ${PROTOCOL_VERSION}`,
    );
  }
  throw new FrameError('E_FRAME_HEAD', `the head of a ${kind} message is not valid: ${issueText(parsed.error)}`, {
    frame: frameOf(value),
  });
}

/** The lengths that a head promises. Takes head and kind together, so that the one narrows the other. */
function checkPayload(message: KindAndHead, payloadBytes: number): void {
  let expected = 0;
  if (message.kind === 'frame') {
    expected = framePayloadBytes(message.head);
  } else if (message.kind === 'result') {
    const { image } = message.head;
    if (image.format !== 'raw') {
      if (payloadBytes === 0) {
        throw new FrameError('E_FRAME_PAYLOAD', 'a result has no image bytes', { frame: frameOf(message.head) });
      }
      return;
    }
    expected = 3 * image.width * image.height;
  }
  if (payloadBytes !== expected) {
    throw new FrameError(
      'E_FRAME_PAYLOAD',
      `the payload of a ${message.kind} message has ${payloadBytes} bytes; its head asks for ${expected}`,
      { frame: frameOf(message.head) },
    );
  }
}

function frameOf(value: unknown): { stream: string; frame: number } | undefined {
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const { stream, frame } = value as { stream?: unknown; frame?: unknown };
  const id = streamIdSchema.safeParse(stream);
  const number = frameNumberSchema.safeParse(frame);
  return id.success && number.success ? { stream: id.data, frame: number.data } : undefined;
}

function isOtherProtocol(value: unknown): value is { protocol: number } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'protocol' in value &&
    typeof value.protocol === 'number' &&
    value.protocol !== PROTOCOL_VERSION
  );
}

/** The first issues of a failed validation, as `path: what is wrong`. Never the values: one of them is the token. */
function issueText(error: z.ZodError): string {
  const issues = error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map(String).join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  const more = error.issues.length - issues.length;
  const joined = more > 0 ? `${issues.join('; ')}; and ${more} more` : issues.join('; ');
  // The name of an unknown key comes from the peer.
  return printable(joined.length > 500 ? `${joined.slice(0, 499)}…` : joined);
}

function piecesOf(payload: PayloadSource | undefined): readonly Uint8Array[] {
  if (payload === undefined) {
    return [];
  }
  if (payload instanceof Uint8Array) {
    return payload.byteLength === 0 ? [] : [payload];
  }
  return payload.every((piece) => piece.byteLength > 0) ? payload : payload.filter((piece) => piece.byteLength > 0);
}

/** One piece of memory of its own, so aligned. */
function joinPieces(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  if (bytes === 0) {
    return EMPTY;
  }
  // Unlike Uint8Array, not filled with zeros first; unlike allocUnsafe, never part of a pool.
  const joined = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.byteLength;
  }
  return joined;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function hex(value: number, digits = 2): string {
  return value.toString(16).padStart(digits, '0');
}
