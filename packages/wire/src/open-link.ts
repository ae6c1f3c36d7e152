/** The client's end of one connection: connect, greet, and carry messages until it ends. */
import type { SemcastError } from '@semcast/core';
import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { WebSocket } from 'ws';
import {
  BadLinkUrl,
  LinkClosed,
  LinkLost,
  LinkTimeout,
  LinkUnreachable,
  UpgradeRefused,
  type WireError,
} from './errors.js';
import { checkHead, type EncodedFrame, type PayloadSource } from './frame.js';
import type { Heads, HelloHead, MessageKind, WelcomeHead } from './heads.js';
import { PROTOCOL_VERSION } from './limits.js';
import type { ClientKind, HelloInput, Masking, OpenLink, OpenLinkOptions, ServerMessage } from './link-types.js';
import { maxMessageBytes, MessageSocket, socketLimits } from './message-socket.js';

const GREETING: ReadonlySet<MessageKind> = new Set(['welcome']);
const GREETED: ReadonlySet<MessageKind> = new Set(['result', 'drop', 'credit']);

/**
 * The attempt after this one. By the clock, so that a program which goes on with the run of an earlier one (from a
 * journal) goes on behind its attempts, too.
 */
export function nextAttempt(attempt = 0): number {
  return Math.max(attempt + 1, Date.now());
}

/**
 * The hello as it is sent: version, run and attempt filled in.
 *
 * @throws BadHead when it is not valid.
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
 * @throws BadLinkUrl when it is none.
 */
export function parseLinkUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new BadLinkUrl(text, cause);
  }
  if ((url.protocol !== 'ws:' && url.protocol !== 'wss:') || url.hash !== '') {
    throw new BadLinkUrl(text);
  }
  return url;
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

class OpenedLink implements OpenLink {
  readonly hello: HelloHead;
  readonly welcome: WelcomeHead;
  readonly #socket: MessageSocket;

  constructor(hello: HelloHead, welcome: WelcomeHead, socket: MessageSocket) {
    this.hello = hello;
    this.welcome = welcome;
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes;
  }

  get isOpen(): boolean {
    return this.#socket.isOpen;
  }

  send<Kind extends ClientKind>(kind: Kind, head: Heads[Kind], payload?: PayloadSource): void {
    this.#socket.send(kind, head, payload);
  }

  sendEncoded(frame: EncodedFrame, flushed?: () => void): void {
    this.#socket.sendEncoded(frame, flushed);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code?: number, error?: SemcastError): void {
    this.#socket.close(code, error);
  }
}

/**
 * Connect to a server, say hello, and wait for the welcome. One connection, without resending or reconnecting:
 * {@link connectLink} adds those.
 *
 * @throws BadLinkUrl; BadHead when the hello is not valid; LinkUnreachable, UpgradeRefused, LinkTimeout or LinkLost
 *   when the connection fails; PeerError with the server's own words when it refuses; the signal's reason.
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
  let socket: MessageSocket | undefined;
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
      new LinkClosed(`connecting to ${address} was given up`, {
        remedy: 'connect again when the link is wanted',
        cause: signal?.reason,
      }),
    );
  };
  const timer = setTimeout(() => {
    fail(new LinkTimeout(`${address} sent no welcome within ${handshakeTimeoutMs} ms`));
  }, handshakeTimeoutMs);

  // Until the connection stands; from then on the MessageSocket listens, and this one merely repeats it.
  ws.on('error', (cause) => {
    if (socket === undefined) {
      fail(new LinkUnreachable(address, { cause: rootCause(cause) }));
    }
  });
  ws.on('unexpected-response', (_request, response) => {
    response.destroy();
    fail(new UpgradeRefused(address, response.statusCode ?? 0));
  });
  ws.once('upgrade', (response) => {
    const opened = new MessageSocket({
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
          link = new OpenedLink(hello, message.head, opened);
          settle();
          options.onWelcome(link);
        }
      },
      onEnd: (end) => {
        signal?.removeEventListener('abort', abort);
        if (link !== undefined) {
          options.onClose(end, link);
        } else {
          fail(end.error ?? new LinkLost(`${address} closed the link before its welcome`, { closeCode: end.code }));
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
