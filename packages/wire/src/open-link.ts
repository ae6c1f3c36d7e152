/** The client's end of one connection: connect, greet, and carry messages until it ends. */
import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { WebSocket } from 'ws';
import { LinkError, UpgradeRefused, type WireError } from './errors.js';
import { checkHead } from './frame.js';
import type { HelloHead, MessageKind, WelcomeHead } from './heads.js';
import { PROTOCOL_VERSION } from './limits.js';
import type { ClientSocketOptions, HelloInput, LinkEnd, Masking, ServerMessage } from './link-types.js';
import { maxMessageBytes, MessageSocket, socketLimits, type MessageSocketOptions } from './message-socket.js';

const GREETING: ReadonlySet<MessageKind> = new Set(['welcome']);
const GREETED: ReadonlySet<MessageKind> = new Set(['result', 'drop', 'credit']);

/**
 * The attempt after this one. By the clock, so that a program which continues the run of an earlier one (from a
 * journal) counts on from its attempts, too.
 */
export function nextAttempt(attempt = 0): number {
  return Math.max(attempt + 1, Date.now());
}

/**
 * The hello as it is sent: version, run and attempt filled in.
 *
 * @throws FrameError `E_FRAME_HEAD` when it is not valid.
 */
export function completeHello(hello: HelloInput): HelloHead {
  const complete = {
    ...hello,
    run: hello.run ?? randomUUID(),
    attempt: hello.attempt ?? nextAttempt(),
    protocol: PROTOCOL_VERSION,
  } as const;
  checkHead('hello', complete);
  return complete;
}

/**
 * The address of a WebSocket server.
 *
 * @throws LinkError `E_LINK_URL` when it is none.
 */
export function parseLinkUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw badUrl(text, cause);
  }
  if ((url.protocol !== 'ws:' && url.protocol !== 'wss:') || url.hash !== '') {
    throw badUrl(text);
  }
  return url;
}

function badUrl(text: string, cause?: unknown): LinkError {
  return new LinkError('E_LINK_URL', `"${text}" is no WebSocket address`, { cause });
}

/** Whether what a client sends to this address is masked. */
export function masks(url: URL, masking: Masking): boolean {
  return masking === 'random' || (masking === 'auto' && url.protocol !== 'wss:' && !isLoopback(url.hostname));
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}

/** A zero key: ws then sends the payload as it lies in memory. */
function zeroMask(mask: Buffer): void {
  mask.fill(0);
}

/** One connection after its handshake, without resending or reconnecting: what the channel uses upstream. */
export class OpenLink extends MessageSocket<'hello' | 'frame' | 'ack' | 'bye'> {
  readonly hello: HelloHead;
  welcome!: WelcomeHead;

  constructor(hello: HelloHead, options: MessageSocketOptions) {
    super(options);
    this.hello = hello;
  }
}

export interface OpenLinkOptions extends ClientSocketOptions {
  /** Every message after the welcome. */
  readonly onMessage: (message: ServerMessage, link: OpenLink) => void;
  /** Bytes that wait for the server to read them, whenever that changes; 0 at the end. */
  readonly onUnread?: (bytes: number, link: OpenLink) => void;
  /** Once, when the link has ended, whoever ended it. Not called when openLink itself fails. */
  readonly onClose: (end: LinkEnd, link: OpenLink) => void;
}

/**
 * Connect to a server, say hello, and wait for the welcome. One connection, without resending or reconnecting:
 * {@link connectLink} adds those.
 *
 * @throws LinkError when the address is none or the connection fails; FrameError `E_FRAME_HEAD` when the hello is not
 *   valid; PeerError with the server's message when it refuses; the signal's reason.
 */
export async function openLink(url: string, options: OpenLinkOptions): Promise<OpenLink> {
  return new Promise((resolve, reject) => {
    startLink(url, completeHello(options.hello), {
      ...options,
      onWelcome: resolve,
      onFailed: reject,
    });
  });
}

export interface StartLinkOptions extends Omit<OpenLinkOptions, 'hello'> {
  /** Called before any message that follows the welcome. Afterwards `onClose` reports the end. */
  readonly onWelcome: (link: OpenLink) => void;
  /** There was no welcome; called once instead of `onWelcome`. */
  readonly onFailed: (error: WireError) => void;
}

/** As {@link openLink}, with callbacks that are called in the order of what happens on the wire. */
export function startLink(address: string, hello: HelloHead, options: StartLinkOptions): { abort(): void } {
  const url = parseLinkUrl(address);
  const { maxPayloadBytes } = socketLimits(options);
  const handshakeTimeoutMs = options.handshakeTimeoutMs ?? 10_000;
  const { signal } = options;
  const ws = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: maxMessageBytes(maxPayloadBytes),
    followRedirects: false,
    ...(masks(url, options.masking ?? 'auto') ? {} : { generateMask: zeroMask }),
  });
  ws.binaryType = 'fragments';

  let link: OpenLink | undefined;
  let socket: OpenLink | undefined;
  let settled = false;

  const settle = (): boolean => {
    if (settled) {
      return false;
    }
    settled = true;
    clearTimeout(timer);
    return true;
  };
  const fail = (error: WireError): void => {
    if (settle()) {
      signal?.removeEventListener('abort', abort);
      options.onFailed(error);
    }
    if (socket === undefined) {
      ws.terminate();
    } else {
      socket.terminate(error);
    }
  };
  const abort = (): void => {
    if (link !== undefined) {
      link.close();
      return;
    }
    fail(
      new LinkError('E_LINK_CLOSED', `connecting to ${address} was given up`, {
        remedy: 'connect again when the link is wanted',
        cause: signal?.reason,
      }),
    );
  };
  const timer = setTimeout(() => {
    fail(new LinkError('E_LINK_TIMEOUT', `${address} sent no welcome within ${handshakeTimeoutMs} ms`));
  }, handshakeTimeoutMs);

  // Until the connection stands; from then on the MessageSocket listens, and this one merely repeats it.
  ws.on('error', (cause) => {
    if (socket === undefined) {
      const root = rootCause(cause);
      const why = root.message === '' ? '' : `: ${root.message}`;
      fail(new LinkError('E_LINK_UNREACHABLE', `${address} can't be reached${why}`, { cause: root }));
    }
  });
  ws.on('unexpected-response', (_request, response) => {
    response.destroy();
    fail(new UpgradeRefused(address, response.statusCode ?? 0));
  });
  ws.once('upgrade', (response) => {
    const opened = new OpenLink(hello, {
      ...options,
      ws,
      stream: response.socket,
      peer: address,
      accepts: GREETING,
      onMessage: (message) => {
        if (link !== undefined) {
          options.onMessage(message as ServerMessage, link);
        } else if (message.kind === 'welcome') {
          opened.accept(GREETED);
          opened.welcome = message.head;
          link = opened;
          settle();
          options.onWelcome(link);
        }
      },
      onUnread: (bytes) => options.onUnread?.(bytes, opened),
      onEnd: (end) => {
        signal?.removeEventListener('abort', abort);
        if (link !== undefined) {
          options.onClose(end, link);
        } else {
          fail(
            end.error ??
              new LinkError('E_LINK_LOST', `${address} closed the link before its welcome`, { closeCode: end.code }),
          );
        }
      },
    });
    socket = opened;
    ws.once('open', () => {
      opened.send('hello', hello);
    });
  });
  if (signal?.aborted === true) {
    abort();
  } else {
    signal?.addEventListener('abort', abort, { once: true });
  }
  return { abort };
}

/** `connect ECONNREFUSED …` rather than the empty message of an AggregateError (several addresses were tried). */
function rootCause(error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
}
