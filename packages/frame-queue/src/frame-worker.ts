import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, jetstreamManager, type Consumer, type JsMsg } from '@nats-io/jetstream';
import { nanos, type Msg, type Subscription } from '@nats-io/transport-node';
import { describeError } from '@semcast/core';
import type { Logger, Metrics } from '@semcast/service';
import { decodeFrame, encodeFrame, MAX_TEXT_LENGTH, type Delivery, type FrameMessage } from '@semcast/wire';
import type { QueueConnection } from './connection.js';
import { DeadLetters } from './dead-letters.js';
import { DeliveryMoved } from './errors.js';
import {
  beginAnswerSchema,
  factsOf,
  frameFactsSchema,
  orderSchema,
  parsed,
  withFacts,
  type Announcement,
  type BeginAnswer,
  type FrameFacts,
  type ReplyFacts,
} from './messages.js';
import {
  ANNOUNCEMENTS,
  consumerName,
  FRAMES_STREAM,
  frameSubject,
  replySubject,
  ROLL_CALL,
  workerSubject,
} from './names.js';

/** Workers say this often what they can do. */
export const ANNOUNCE_EVERY_MS = 2000;
/** One request for a frame; the shortest that JetStream's client has, so that closing doesn't wait. */
const PULL_MS = 1000;
const AFTER_FAILURE_MS = 500;
const ASK_MS = 5000;
/** A frame whose ingest can't be reached goes back for so long … */
const UNREACHABLE_MS = 2000;
/** … and after so many times nobody is taken to wait for it: its sender has sent it to another. */
const MAX_UNREACHABLE = 30;
/** How long an outcome is kept for an ingest that can't be reached. */
const HAND_OVER_WITHIN_MS = 60_000;
const DRAIN_POLL_MS = 50;
/** Outcomes under way when the worker closes. */
const CLOSE_WITHIN_MS = 3000;
/** Frames of all workers of a consumer: each worker bounds its own by asking for no more than it has room for. */
const MAX_ACK_PENDING = 100_000;

export interface FrameWorkerOptions {
  readonly logger: Logger;
  readonly metrics: Pick<Metrics<'receiver'>, 'deadLetters' | 'queueRedeliveries'>;
  /** What it says of itself; the rest is known here. */
  readonly describe: () => Pick<
    Announcement,
    'bundle' | 'decoders' | 'device' | 'workers' | 'finished' | 'busySeconds'
  >;
  /** Frames that it has at a time. */
  readonly capacity: number;
  /** Whether there is memory for one more beside those that it has. */
  readonly hasMemory: () => boolean;
  /** Decode a frame; its outcome goes to the delivery. */
  readonly take: (delivery: Delivery) => void;
  /** Frame `by` of the stream takes the place of another that was taken. */
  readonly supersede: (delivery: Delivery, by: number) => void;
  /** Whether it has begun to decode a frame. */
  readonly hasBegun: (delivery: Delivery) => boolean;
  /** After how long without a sign of its worker a frame is given to another. */
  readonly redeliverAfterMs: number;
}

/** A frame that this worker has. */
interface Held {
  readonly facts: FrameFacts;
  readonly delivery: Delivery;
  readonly work: AbortController;
  /** As it was delivered last: acknowledging an earlier delivery is of no use. */
  message: JsMsg;
  readonly alive: NodeJS.Timeout;
  /** Its outcome is on the way to its ingest. */
  settled: boolean;
}

/**
 * The side of the queue that decodes. It asks for frames while it has room, one request at a time and decoder, keeps each
 * as its own by signs of life, and acknowledges it once its outcome has arrived where the frame came from.
 */
export class FrameWorker {
  readonly id = randomUUID();
  readonly #connection: QueueConnection;
  readonly #options: FrameWorkerOptions;
  readonly #deadLetters: DeadLetters;
  readonly #held = new Map<string, Held>();
  readonly #settling = new Set<Promise<void>>();
  readonly #subscriptions: readonly Subscription[];
  readonly #announcing: NodeJS.Timeout;
  readonly #pulling: Promise<unknown>;
  #roomWaiters: (() => void)[] = [];
  #paused = false;
  #closing = false;

  constructor(connection: QueueConnection, options: FrameWorkerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#deadLetters = new DeadLetters(connection, options);
    const { nats } = connection;
    this.#subscriptions = [
      nats.subscribe(workerSubject(this.id), {
        callback: (error, message) => {
          if (error === null) {
            this.#obey(message);
          }
        },
      }),
      nats.subscribe(ROLL_CALL, { callback: () => this.#announce() }),
    ];
    this.#announce();
    this.#announcing = setInterval(() => this.#announce(), ANNOUNCE_EVERY_MS);
    this.#pulling = Promise.all(options.describe().decoders.map((decoder) => this.#pull(decoder)));
  }

  /** Frames that it has, those among them whose outcome is being handed over. */
  get frames(): number {
    return this.#held.size;
  }

  /** Take no more for now, and hand back what isn't finished; or go on. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (paused) {
      this.#handBack('the worker can not decode at the moment');
    }
    this.#roomChanged();
    this.#announce();
  }

  /**
   * Take no more, hand back what hasn't begun at once and what isn't finished after `drainMs`, and wait a little for
   * outcomes under way.
   */
  async close({ drainMs = 0 }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing = true;
    clearInterval(this.#announcing);
    this.#announce();
    this.#roomChanged();
    const why = 'the worker is shutting down';
    const untilMs = performance.now() + drainMs;
    if (drainMs > 0) {
      this.#handBack(why, ({ delivery }) => !this.#options.hasBegun(delivery));
    }
    while (this.#held.size > 0 && performance.now() < untilMs) {
      await sleep(Math.min(DRAIN_POLL_MS, untilMs - performance.now()));
    }
    this.#handBack(why);
    await Promise.race([Promise.all([this.#pulling, ...this.#settling]), sleep(CLOSE_WITHIN_MS)]);
    for (const subscription of this.#subscriptions) {
      subscription.unsubscribe();
    }
    for (const held of this.#held.values()) {
      clearInterval(held.alive);
    }
  }

  #hasRoom(): boolean {
    const frames = this.#held.size;
    // One frame always fits.
    return !this.#paused && frames < this.#options.capacity && (frames === 0 || this.#options.hasMemory());
  }

  /** Take the frames of one decoder, as long as there is room. Never rejects. */
  async #pull(decoder: string): Promise<void> {
    let consumer: Consumer | undefined;
    while (!this.#closing) {
      if (!this.#hasRoom()) {
        await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
        continue;
      }
      try {
        consumer ??= await this.#consumerOf(decoder);
        const message = await consumer.next({ expires: PULL_MS });
        if (message !== null) {
          await this.#receive(message);
        }
      } catch (error) {
        consumer = undefined;
        if (!this.#closing) {
          this.#options.logger.warn({ decoder, err: error }, `no frames from the queue: ${describeError(error)}`);
          await sleep(AFTER_FAILURE_MS);
        }
      }
    }
  }

  async #consumerOf(decoder: string): Promise<Consumer> {
    const { nats, jetstream } = this.#connection;
    await this.#connection.prepare();
    const { digest } = this.#options.describe().bundle;
    const name = consumerName(digest, decoder);
    const { consumers } = await jetstreamManager(nats);
    await consumers.add(FRAMES_STREAM, {
      durable_name: name,
      filter_subject: frameSubject(digest, decoder),
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(this.#options.redeliverAfterMs),
      max_ack_pending: MAX_ACK_PENDING,
      // The ingest counts attempts: a frame that was handed back has not failed.
      max_deliver: -1,
    });
    return await jetstream.consumers.get(FRAMES_STREAM, name);
  }

  /** A frame has come: take it, if somebody still waits for it. */
  async #receive(message: JsMsg): Promise<void> {
    if (message.redelivered) {
      this.#options.metrics.queueRedeliveries.inc();
    }
    const facts = factsOf(frameFactsSchema, message);
    const held = facts && this.#held.get(facts.key);
    if (held !== undefined) {
      // The queue didn't see its signs of life: it was restarted, or away.
      held.message = message;
      return;
    }
    const frame = await this.#read(message);
    if (facts === undefined || frame === undefined) {
      await this.#putAside(message, facts);
      return;
    }
    const answer = await this.#mayBegin(facts);
    if (answer === undefined && message.info.deliveryCount < MAX_UNREACHABLE) {
      message.nak(UNREACHABLE_MS);
    } else if (answer?.wanted !== true) {
      this.#forget(message);
    } else if (this.#closing || this.#paused) {
      this.#answer(message, 'nak');
      this.#tell(facts, 'returned');
    } else {
      this.#begin(facts, frame, message, answer);
    }
  }

  async #read(message: JsMsg): Promise<FrameMessage | undefined> {
    const bytes = await this.#connection.blobs.unpack(message);
    try {
      const frame = bytes && decodeFrame(bytes, { maxPayloadBytes: Infinity });
      return frame?.kind === 'frame' ? frame : undefined;
    } catch {
      return undefined;
    }
  }

  async #putAside(message: JsMsg, facts: FrameFacts | undefined): Promise<void> {
    const detail = 'what came from the queue is no frame';
    const known = facts === undefined ? {} : { key: facts.key, stream: facts.hello.stream };
    await this.#deadLetters.put({ reason: 'unreadable', detail, facts: known, bytes: message.data });
    this.#forget(message);
  }

  /** Nobody is to get it again. */
  #forget(message: JsMsg): void {
    this.#answer(message, 'ack');
    void this.#connection.blobs.discard(message);
  }

  /** Tell the queue what becomes of a frame; after the connection's end it finds out by itself. */
  #answer(message: JsMsg, what: 'ack' | 'nak' | 'working'): void {
    if (!this.#connection.nats.isClosed()) {
      message[what]();
    }
  }

  /** Whether the frame is still wanted; undefined where nobody answers. */
  async #mayBegin(facts: FrameFacts): Promise<BeginAnswer | undefined> {
    const { nats } = this.#connection;
    const headers = withFacts({ says: 'begin', key: facts.key, worker: this.id });
    try {
      const answer = await nats.request(replySubject(facts.ingest), undefined, { timeout: ASK_MS, headers });
      return parsed(beginAnswerSchema, answer.string());
    } catch {
      return undefined;
    }
  }

  #begin(facts: FrameFacts, { head, payload }: FrameMessage, message: JsMsg, { ageMs }: BeginAnswer): void {
    const { stream, frame } = head;
    for (const other of this.#held.values()) {
      // Its sender has come to another ingest, and sent it again there.
      if (other.delivery.stream === stream && other.delivery.frame === frame) {
        this.#release(other, 'the frame came again, by another way');
      }
    }
    const work = new AbortController();
    const finish = (outcome: () => Uint8Array): boolean => {
      if (work.signal.aborted || held.settled) {
        return false;
      }
      held.settled = true;
      const settling = this.#handOver(held, outcome()).finally(() => this.#settling.delete(settling));
      this.#settling.add(settling);
      return true;
    };
    const delivery: Delivery = {
      stream,
      frame,
      head,
      payload,
      hello: facts.hello,
      // Where the links are it has been found out whose frame this is.
      remoteAddress: facts.client,
      receivedMs: performance.now() - ageMs,
      signal: work.signal,
      preview: (result, image) => {
        if (work.signal.aborted || held.settled) {
          return false;
        }
        void this.#send(facts, encodeFrame('result', result, image));
        return true;
      },
      finish: (result, image) => finish(() => encodeFrame('result', { ...result, stage: 'final' }, image)),
      drop: (reason, detail) =>
        finish(() => encodeFrame('drop', { stream, frame, reason, detail: detail.slice(0, MAX_TEXT_LENGTH) })),
    };
    const alive = setInterval(() => {
      this.#answer(held.message, 'working');
      this.#tell(facts, 'working');
    }, this.#options.redeliverAfterMs / 3);
    const held: Held = { facts, delivery, work, message, alive, settled: false };
    this.#held.set(facts.key, held);
    this.#options.take(delivery);
  }

  /** A picture on the way. Never rejects: a later one says more. */
  async #send(facts: FrameFacts, bytes: Uint8Array): Promise<void> {
    const { blobs } = this.#connection;
    const headers = withFacts({ says: 'partial', key: facts.key, worker: this.id });
    try {
      this.#connection.tell(replySubject(facts.ingest), await blobs.pack(bytes, headers), headers);
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'a picture on the way was left out');
    }
  }

  /** Bring the outcome to where the frame came from, then acknowledge the frame. Never rejects. */
  async #handOver(held: Held, bytes: Uint8Array): Promise<void> {
    const { facts } = held;
    const { nats, blobs } = this.#connection;
    const untilMs = performance.now() + HAND_OVER_WITHIN_MS;
    const headers = withFacts({ says: 'outcome', key: facts.key, worker: this.id });
    let body: Uint8Array | undefined;
    while (!held.work.signal.aborted) {
      try {
        body ??= await blobs.pack(bytes, headers);
        await nats.request(replySubject(facts.ingest), body, { timeout: ASK_MS, headers });
        break;
      } catch (error) {
        if (nats.isClosed()) {
          return;
        }
        if (performance.now() > untilMs) {
          this.#options.logger.warn({ stream: facts.hello.stream, err: error }, 'an outcome could not be handed over');
          break;
        }
        await sleep(AFTER_FAILURE_MS);
      }
    }
    if (!held.work.signal.aborted) {
      this.#forget(held.message);
      this.#drop(held);
    }
  }

  /** The ingest says that a frame isn't wanted any more. */
  #obey(message: Msg): void {
    const order = parsed(orderSchema, message.string());
    const held = order && this.#held.get(order.key);
    if (held === undefined) {
      return;
    }
    if (order?.supersededBy === undefined) {
      this.#release(held, 'its ingest wants the frame no more from this worker');
    } else {
      this.#options.supersede(held.delivery, order.supersededBy);
    }
  }

  /** Stop work on a frame that is another's. */
  #release(held: Held, why: string): void {
    held.work.abort(new DeliveryMoved(why));
    this.#drop(held);
  }

  #handBack(why: string, which: (held: Held) => boolean = () => true): void {
    for (const held of this.#held.values()) {
      if (!held.settled && which(held)) {
        this.#answer(held.message, 'nak');
        this.#tell(held.facts, 'returned');
        this.#release(held, why);
      }
    }
  }

  #drop(held: Held): void {
    clearInterval(held.alive);
    this.#held.delete(held.facts.key);
    this.#roomChanged();
  }

  #roomChanged(): void {
    for (const resolve of this.#roomWaiters.splice(0)) {
      resolve();
    }
  }

  #tell({ key, ingest }: FrameFacts, says: ReplyFacts['says']): void {
    this.#connection.tell(replySubject(ingest), undefined, withFacts({ says, key, worker: this.id }));
  }

  #announce(): void {
    const announcement: Announcement = {
      worker: this.id,
      ...this.#options.describe(),
      frames: this.#held.size,
      capacity: this.#options.capacity,
      leaving: this.#closing || this.#paused,
    };
    this.#connection.tell(ANNOUNCEMENTS, JSON.stringify(announcement));
  }
}
