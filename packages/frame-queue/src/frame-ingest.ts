import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { describeError } from '@semcast/core';
import type { Logger, Metrics } from '@semcast/service';
import {
  decodeFrame,
  encodeFrame,
  type Delivery,
  type DropHead,
  type DropReason,
  type ResultMessage,
  FrameDropError,
} from '@semcast/wire';
import type { QueueConnection } from './connection.js';
import { DeadLetters, type DeadLetterReason } from './dead-letters.js';
import { factsOf, replyFactsSchema, withFacts, type BeginAnswer, type Order, type ReplyFacts } from './messages.js';
import { frameSubject, replySubject, workerSubject } from './names.js';

/** A frame that ended this many workers is not given to another. */
const MAX_ATTEMPTS = 3;
/** How long a frame may take to be stored: the server may restart meanwhile. */
const STORE_WITHIN_MS = 30_000;
const STORE_AGAIN_MS = 250;

export interface FrameIngestOptions {
  readonly logger: Logger;
  readonly metrics: Pick<Metrics<'receiver'>, 'deadLetters' | 'queueFrames'>;
  /** The longest time without a sign of life from a worker, before one begins or while it decodes. */
  readonly maxWaitMs: number;
}

/** What a frame needs on its way. */
export interface FrameTicket {
  readonly delivery: Pick<Delivery, 'stream' | 'frame' | 'head' | 'payload' | 'hello' | 'receivedMs'>;
  /** Whose it is. */
  readonly client: string;
  /** Takes it out, wherever it is. */
  readonly signal: AbortSignal;
  /** Pictures on the way. */
  readonly onPartial: (result: ResultMessage) => void;
}

/** How a worker ended a frame. */
export type Outcome = ResultMessage | { readonly kind: 'drop'; readonly head: DropHead };

interface Entry extends FrameTicket {
  readonly key: string;
  /** Who has it. */
  worker: string | undefined;
  /** Workers that began it and did not hand it back. */
  attempts: number;
  supersededBy: number | undefined;
  patience: NodeJS.Timeout | undefined;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The side of the queue that has the senders. It stores each frame, is asked by the worker whose turn it is whether the
 * frame is still wanted, and gets its outcome. What it doesn't know any more is wanted by nobody.
 */
export class FrameIngest {
  readonly #connection: QueueConnection;
  readonly #options: FrameIngestOptions;
  readonly #id = randomUUID();
  readonly #frames = new Map<string, Entry>();
  readonly #deadLetters: DeadLetters;
  readonly #subscription: Subscription;
  #count = 0;

  constructor(connection: QueueConnection, options: FrameIngestOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#deadLetters = new DeadLetters(connection, options);
    this.#subscription = connection.nats.subscribe(replySubject(this.#id), {
      callback: (error, message) => {
        if (error === null) {
          void this.#hear(message);
        }
      },
    });
    this.#tellFrames();
  }

  /** Frames that no worker has begun, and those that one has. */
  get frames(): { readonly waiting: number; readonly taken: number } {
    let taken = 0;
    for (const { worker } of this.#frames.values()) {
      taken += worker === undefined ? 0 : 1;
    }
    return { waiting: this.#frames.size - taken, taken };
  }

  /**
   * Take a frame through the queue.
   *
   * @returns how a worker ended it
   * @throws FrameDropError when it ended in the queue; the signal's reason when that fired
   */
  async carry(ticket: FrameTicket): Promise<Outcome> {
    ticket.signal.throwIfAborted();
    const key = `${this.#id}.${this.#count++}`;
    let entry!: Entry;
    const outcome = new Promise<Outcome>((resolve, reject) => {
      entry = {
        ...ticket,
        key,
        worker: undefined,
        attempts: 0,
        supersededBy: undefined,
        patience: undefined,
        resolve,
        reject,
      };
    });
    const abort = (): void => {
      this.#end(entry);
      this.#order(entry.worker, { key });
      entry.reject(ticket.signal.reason);
    };
    ticket.signal.addEventListener('abort', abort, { once: true });
    this.#frames.set(key, entry);
    this.#tellFrames();
    this.#waitFor(entry);
    void this.#store(entry);
    try {
      return await outcome;
    } finally {
      ticket.signal.removeEventListener('abort', abort);
    }
  }

  /**
   * Frame `by` of the stream takes the place of an older one.
   *
   * @returns whether a worker has it, which ends it at the best moment; else it is for the caller to end it
   */
  supersede({ stream, frame }: Pick<Delivery, 'stream' | 'frame'>, by: number): boolean {
    for (const entry of this.#frames.values()) {
      const { delivery } = entry;
      if (delivery.stream === stream && delivery.frame === frame && entry.worker !== undefined) {
        entry.supersededBy = by;
        this.#order(entry.worker, { key: entry.key, supersededBy: by });
        return true;
      }
    }
    return false;
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  async #store(entry: Entry): Promise<void> {
    const { key, client, delivery } = entry;
    const bytes = encodeFrame('frame', delivery.head, delivery.payload);
    const subject = frameSubject(delivery.head.bundleDigest, delivery.head.decoder);
    const { jetstream, blobs } = this.#connection;
    const untilMs = performance.now() + STORE_WITHIN_MS;
    const headers = withFacts({ key, ingest: this.#id, client, hello: delivery.hello });
    let body: Uint8Array | undefined;
    while (this.#frames.has(key)) {
      try {
        body ??= await blobs.pack(bytes, headers);
        // Its id makes a second try harmless where the first one was stored and only its answer was lost.
        await jetstream.publish(subject, body, { msgID: key, headers });
        return;
      } catch (error) {
        if (performance.now() > untilMs) {
          this.#drop(entry, 'queue-full', `the queue doesn't take the frame: ${describeError(error)}`);
          return;
        }
        await sleep(STORE_AGAIN_MS);
        await this.#connection.prepare().catch(() => {});
      }
    }
  }

  /** A worker tells something. Never rejects: what can't be read is as if it had not come. */
  async #hear(message: Msg): Promise<void> {
    const facts = factsOf(replyFactsSchema, message);
    const entry = facts && this.#frames.get(facts.key);
    if (facts === undefined) {
      return;
    }
    try {
      switch (facts.says) {
        case 'begin':
          message.respond(JSON.stringify(this.#begin(entry, facts)));
          return;
        case 'working':
          this.#waitFor(entry);
          return;
        case 'returned':
          this.#takeBack(entry, facts);
          return;
        case 'partial':
        case 'outcome':
          await this.#take(entry, facts, message);
          return;
      }
    } catch (error) {
      this.#options.logger.error({ err: error, says: facts.says }, 'what a worker told can not be used');
    }
  }

  #begin(entry: Entry | undefined, { worker }: ReplyFacts): BeginAnswer {
    if (entry === undefined) {
      return { wanted: false, ageMs: 0 };
    }
    const ageMs = performance.now() - entry.delivery.receivedMs;
    const { worker: former } = entry;
    if (former !== undefined && former !== worker) {
      this.#order(former, { key: entry.key });
    }
    if (entry.supersededBy !== undefined) {
      this.#drop(entry, 'superseded', `frame ${entry.supersededBy} of the stream took its place`);
      return { wanted: false, ageMs };
    }
    // A worker that asks again has not heard the answer.
    const attempt = former === worker ? 0 : 1;
    if (entry.attempts + attempt > MAX_ATTEMPTS) {
      this.#drop(entry, 'decode-failed', `${MAX_ATTEMPTS} workers began the frame, and none ended it`, 'workers-died');
      return { wanted: false, ageMs };
    }
    entry.attempts += attempt;
    entry.worker = worker;
    this.#tellFrames();
    this.#waitFor(entry);
    return { wanted: true, ageMs };
  }

  #takeBack(entry: Entry | undefined, { worker }: ReplyFacts): void {
    if (entry?.worker === worker) {
      entry.worker = undefined;
      entry.attempts--;
      this.#tellFrames();
      this.#waitFor(entry);
    }
  }

  async #take(entry: Entry | undefined, { says, worker }: ReplyFacts, message: Msg): Promise<void> {
    const { blobs } = this.#connection;
    if (entry !== undefined) {
      const bytes = await blobs.unpack(message);
      const told = bytes && decodeFrame(bytes, { maxPayloadBytes: Infinity });
      // It may have ended while its picture was fetched.
      if (this.#frames.has(entry.key) && (told?.kind === 'result' || (told?.kind === 'drop' && says === 'outcome'))) {
        const { stream, frame } = told.head;
        if (stream !== entry.delivery.stream || frame !== entry.delivery.frame) {
          throw new FrameDropError('decode-failed', `a worker ended frame ${frame} of "${stream}" under another's key`);
        }
        if (says === 'outcome') {
          this.#end(entry);
          if (entry.worker !== worker) {
            this.#order(entry.worker, { key: entry.key });
          }
          entry.resolve(told);
        } else if (told.kind === 'result') {
          entry.onPartial(told);
        }
      }
    }
    if (says === 'outcome') {
      message.respond();
    }
    await blobs.discard(message);
  }

  /** The time without a sign of life begins anew. */
  #waitFor(entry: Entry | undefined): void {
    if (entry === undefined) {
      return;
    }
    clearTimeout(entry.patience);
    const { maxWaitMs } = this.#options;
    entry.patience = setTimeout(() => {
      const seconds = maxWaitMs / 1000;
      if (entry.worker === undefined) {
        this.#drop(
          entry,
          'queue-full',
          `no worker took the frame within ${seconds} s (maxBacklogMs)`,
          'waited-in-vain',
        );
      } else {
        const detail = `nothing was heard of the frame's worker for ${seconds} s (maxBacklogMs)`;
        this.#drop(entry, 'decode-failed', detail, 'waited-in-vain');
      }
    }, maxWaitMs);
    entry.patience.unref();
  }

  #drop(entry: Entry, reason: DropReason, detail: string, letter?: DeadLetterReason): void {
    if (!this.#end(entry)) {
      return;
    }
    const { delivery } = entry;
    entry.reject(new FrameDropError(reason, detail));
    if (letter !== undefined) {
      const facts = { key: entry.key, stream: delivery.stream, frame: String(delivery.frame) };
      const bytes = encodeFrame('frame', delivery.head, delivery.payload);
      void this.#deadLetters.put({ reason: letter, detail, facts, bytes });
    }
  }

  /** Forget a frame. Returns false where that has happened already. */
  #end(entry: Entry): boolean {
    clearTimeout(entry.patience);
    const known = this.#frames.delete(entry.key);
    this.#tellFrames();
    return known;
  }

  #order(worker: string | undefined, order: Order): void {
    if (worker !== undefined) {
      this.#connection.tell(workerSubject(worker), JSON.stringify(order));
    }
  }

  #tellFrames(): void {
    const { waiting, taken } = this.frames;
    this.#options.metrics.queueFrames.set({ state: 'waiting' }, waiting);
    this.#options.metrics.queueFrames.set({ state: 'taken' }, taken);
  }
}
