import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describeError } from '@semcast/core';
import { bytesToIq, iqToBytes, type SamplesHead } from '@semcast/wire';
import { PublishError } from '../errors.js';
import type { PublishConfig } from './config.js';

/** Subscribers at a time; more are sent away. */
const MAX_SUBSCRIBERS = 16;
/** Bytes that may wait for a subscriber; it misses the frames beyond, as ZeroMQ's PUB has it. */
const MAX_WAITING_BYTES = 64 * 1024 ** 2;
const MAX_SUBSCRIPTIONS = 64;
const HANDSHAKE_MS = 10_000;

/** Signature, version 3.0, mechanism NULL, not as a server, filler (ZMTP 3.0, RFC 23, section "Version Negotiation"). */
const GREETING = Buffer.concat([
  Buffer.of(0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0),
  Buffer.concat([Buffer.from('NULL')], 20),
  Buffer.alloc(32),
]);

const FLAGS = { more: 1, long: 2, command: 4 } as const;

/** A message or command as ZMTP frames it: flags, length in one byte or in eight, body. */
function frame(flags: number, body: Uint8Array): readonly Uint8Array[] {
  if (body.byteLength < 256) {
    return [Buffer.of(flags, body.byteLength), body];
  }
  const head = Buffer.alloc(9);
  head[0] = flags | FLAGS.long;
  head.writeBigUInt64BE(BigInt(body.byteLength), 1);
  return [head, body];
}

const READY = Buffer.concat(frame(FLAGS.command, Buffer.from('\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB', 'latin1')));

/**
 * Publishes samples as a ZeroMQ PUB socket does: ZMTP 3.0 with the NULL mechanism over TCP, nothing else of ZeroMQ.
 *
 * Each frame is a message of cf32_le samples. A subscriber to '' gets those of all streams; one to the beginning of a
 * stream's name gets that stream's, behind a part with the name.
 */
export class IqPublisher {
  readonly #server: Server;
  readonly #at: PublishConfig['at'];
  readonly #subscribers = new Set<Subscriber>();

  private constructor(server: Server, at: PublishConfig['at']) {
    this.#server = server;
    this.#at = at;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** @throws PublishError when it can't listen there */
  static async open({ host, port, at }: PublishConfig): Promise<IqPublisher> {
    const server = createServer();
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (cause) {
      throw new PublishError(`samples can't be published at ${host}, port ${port}: ${describeError(cause)}`, { cause });
    }
    return new IqPublisher(server, at);
  }

  /** The port that it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Send a frame's samples, as they are on the wire, to all who want them. Never throws, and waits for nobody. */
  publish(at: PublishConfig['at'], stream: string, samples: SamplesHead, bytes: Uint8Array): void {
    const wanting = at === this.#at ? [...this.#subscribers].filter((subscriber) => subscriber.wants(stream)) : [];
    const body = wanting.length === 0 ? undefined : asFloats(samples, bytes);
    for (const subscriber of body === undefined ? [] : wanting) {
      subscriber.send(stream, body!);
    }
  }

  async close(): Promise<void> {
    for (const { socket } of this.#subscribers) {
      socket.destroy();
    }
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    if (this.#subscribers.size >= MAX_SUBSCRIBERS) {
      socket.destroy();
      return;
    }
    const subscriber = new Subscriber(socket);
    this.#subscribers.add(subscriber);
    socket.on('close', () => this.#subscribers.delete(subscriber));
  }
}

/** Undefined where they are no ordinary numbers, for which the frame is dropped elsewhere. */
function asFloats(samples: SamplesHead, bytes: Uint8Array): Uint8Array | undefined {
  if (samples.format === 'cf32_le') {
    return bytes;
  }
  try {
    return iqToBytes(bytesToIq(bytes, samples), 'cf32_le').bytes;
  } catch {
    return undefined;
  }
}

class Subscriber {
  readonly socket: Socket;
  readonly #topics: string[] = [];
  #unread = Buffer.alloc(0);
  #greeted = false;
  #ready = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const deadline = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => clearTimeout(deadline));
    socket.on('data', (data) => {
      this.#unread = Buffer.concat([this.#unread, data]);
      if (!this.#read()) {
        socket.destroy();
      }
      if (this.#ready) {
        clearTimeout(deadline);
      }
    });
    socket.write(GREETING);
  }

  wants(stream: string): boolean {
    return this.#ready && this.#topics.some((topic) => stream.startsWith(topic));
  }

  send(stream: string, body: Uint8Array): void {
    if (this.socket.writableLength > MAX_WAITING_BYTES) {
      return;
    }
    const name = this.#topics.includes('') ? [] : frame(FLAGS.more, Buffer.from(stream));
    this.socket.cork();
    for (const part of [...name, ...frame(0, body)]) {
      this.socket.write(part);
    }
    this.socket.uncork();
  }

  /** Read what has come. @returns false where it is no ZMTP of a subscriber */
  #read(): boolean {
    if (!this.#greeted) {
      if (this.#unread.length < GREETING.length) {
        return this.#unread.length === 0 || this.#unread[0] === 0xff;
      }
      const version = this.#unread[10]!;
      const mechanism = this.#unread.toString('latin1', 12, 32).replace(/\0+$/, '');
      if (this.#unread[0] !== 0xff || version < 3 || mechanism !== 'NULL') {
        return false;
      }
      this.#greeted = true;
      this.#unread = this.#unread.subarray(GREETING.length);
      this.socket.write(READY);
    }
    while (this.#unread.length >= 2) {
      const [flags, size] = [this.#unread[0]!, this.#unread[1]!];
      // A name of a stream is shorter.
      if ((flags & FLAGS.long) !== 0) {
        return false;
      }
      if (this.#unread.length < 2 + size) {
        return true;
      }
      const body = this.#unread.subarray(2, 2 + size);
      this.#unread = this.#unread.subarray(2 + size);
      if (!((flags & FLAGS.command) === 0 ? this.#subscribe(body) : this.#command(body))) {
        return false;
      }
    }
    return true;
  }

  #command(body: Buffer): boolean {
    const isReady = body.toString('latin1', 0, 6) === '\x05READY';
    // Names of properties are blind to case.
    const text = body.toString('latin1').toLowerCase();
    const isSubscriber = ['\x03sub', '\x04xsub'].some((type) => text.includes(`\x0bsocket-type\0\0\0${type}`));
    this.#ready ||= isReady && isSubscriber;
    return !isReady || isSubscriber;
  }

  /** A message of a subscriber: 1 and a topic subscribes, 0 and a topic ends that. */
  #subscribe(body: Buffer): boolean {
    const topic = body.toString('utf8', 1);
    if (!this.#ready || body.length === 0 || this.#topics.length >= MAX_SUBSCRIPTIONS) {
      return false;
    }
    if (body[0] === 1) {
      this.#topics.push(topic);
    } else if (body[0] === 0 && this.#topics.includes(topic)) {
      this.#topics.splice(this.#topics.indexOf(topic), 1);
    }
    return true;
  }
}
