import { describeError } from '@semcast/core';
import type { Logger, Metrics } from '@semcast/service';
import type { QueueConnection } from './connection.js';
import { withFacts } from './messages.js';
import { deadLetterSubject } from './names.js';

/** Why a frame is put aside. Also the label `reason` of `semcast_dead_letters_total`. */
export const DEAD_LETTER_REASONS = ['unreadable', 'workers-died', 'waited-in-vain'] as const;
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number];

export interface DeadLetter {
  readonly reason: DeadLetterReason;
  /** For people. */
  readonly detail: string;
  /** What is known of the frame. */
  readonly facts: Readonly<Record<string, string>>;
  /** The frame as it was; left out where it doesn't fit into a message. */
  readonly bytes: Uint8Array;
}

/** Frames that ended for a reason that somebody should look at, beside what their senders are told. */
export class DeadLetters {
  readonly #connection: QueueConnection;
  readonly #logger: Logger;
  readonly #metrics: Pick<Metrics<'receiver'>, 'deadLetters'>;

  constructor(
    connection: QueueConnection,
    { logger, metrics }: { readonly logger: Logger; readonly metrics: Pick<Metrics<'receiver'>, 'deadLetters'> },
  ) {
    this.#connection = connection;
    this.#logger = logger;
    this.#metrics = metrics;
  }

  /** Never rejects: a letter that can't be stored is still counted and logged. */
  async put({ reason, detail, facts, bytes }: DeadLetter): Promise<void> {
    this.#metrics.deadLetters.inc({ reason });
    this.#logger.warn({ reason, detail, ...facts }, 'a frame became a dead letter');
    const { jetstream, blobs } = this.#connection;
    const body = blobs.fits(bytes) ? bytes : new Uint8Array(0);
    const headers = withFacts({ reason, detail, ...facts });
    try {
      await jetstream.publish(deadLetterSubject(reason), body, { headers });
    } catch (error) {
      this.#logger.warn({ err: error, reason }, `a dead letter could not be stored: ${describeError(error)}`);
    }
  }
}
