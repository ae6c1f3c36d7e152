/** Why a link was closed: the WebSocket close codes that semcast uses beside the registered ones. */
export const CLOSE_CODES = {
  /** Done; nothing is missing. */
  normal: 1000,
  /** The peer ends, or leaves without ending its stream. */
  goingAway: 1001,
  /** A message was longer than the peer takes (sent by ws itself). */
  tooBig: 1009,
  /** The peer failed inside. */
  internalError: 1011,
  /** A message broke the protocol: truncated, wrong magic, wrong checksum, text, not allowed here. */
  badFrame: 4400,
  /** The token is missing or wrong. */
  badToken: 4401,
  /** The peer speaks another version of the protocol. */
  badProtocol: 4406,
  /** No hello arrived in time. */
  helloTimeout: 4408,
  /** The same stream connected anew; the newest link wins. */
  replaced: 4410,
  /** The peer reads more slowly than results are made; it gets them after reconnecting. */
  slowReader: 4413,
  /** The server is full. */
  tooManySessions: 4429,
  /** Shutting down, or what stands behind the server is away. */
  tryAgain: 4503,
} as const;

export type CloseCodeName = keyof typeof CLOSE_CODES;

/**
 * Whether connecting again, as before, can help.
 *
 * Final are: a broken message (it would be sent again), the token, the protocol version, a message too big, and
 * having been replaced: two clients with the same stream id that both reconnect would throw each other out forever.
 * Everything else, an abnormal end (1006) above all, is worth another try.
 */
export function isRetryable(code: number): boolean {
  switch (code) {
    case CLOSE_CODES.badFrame:
    case CLOSE_CODES.badToken:
    case CLOSE_CODES.badProtocol:
    case CLOSE_CODES.tooBig:
    case CLOSE_CODES.replaced:
      return false;
    default:
      return true;
  }
}
