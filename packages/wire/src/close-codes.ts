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
  /** The hello asks for what this server doesn't have. */
  notOffered: 4404,
  /** No hello arrived in time. */
  helloTimeout: 4408,
  /** The stream has a link that counts more than this one; it may be free again soon. */
  streamTaken: 4409,
  /** The same run of the stream connected anew; the newest link wins. */
  replaced: 4410,
  /** The peer reads more slowly than results are made; it gets them after reconnecting. */
  slowReader: 4413,
  /** The server is full. */
  tooManySessions: 4429,
  /** Shutting down, or what stands behind the server is away. */
  tryAgain: 4503,
} as const;

/** The codes with which WebSocket itself ends a link whose framing, text or policy is broken. */
const WEBSOCKET_FAULTS: ReadonlySet<number> = new Set([1002, 1007, 1008]);

/** Whether connecting again, as before, can help: always, never, or perhaps, so that there is a limit to it. */
export type Retry = 'always' | 'limited' | 'never';

/**
 * What a client does after a link ended with this code.
 *
 * Never again: the token, a decoder that isn't there, and having been replaced, as two clients with the same run of
 * a stream that both reconnect would throw each other out forever.
 *
 * With a limit: broken messages and broken WebSocket framing. A single bit that changed on the way looks the same as
 * a message that is broken whenever it is sent. The protocol version is among them, as its byte may change, too.
 *
 * Everything else, an abnormal end (1006) above all, is worth another try however often.
 */
export function retryAfter(code: number): Retry {
  switch (code) {
    case CLOSE_CODES.badToken:
    case CLOSE_CODES.notOffered:
    case CLOSE_CODES.replaced:
      return 'never';
    case CLOSE_CODES.badFrame:
    case CLOSE_CODES.badProtocol:
    case CLOSE_CODES.tooBig:
      return 'limited';
    default:
      return WEBSOCKET_FAULTS.has(code) ? 'limited' : 'always';
  }
}
