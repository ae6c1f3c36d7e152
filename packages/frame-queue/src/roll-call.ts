import type { Subscription } from '@nats-io/transport-node';
import type { QueueConnection } from './connection.js';
import { ANNOUNCE_EVERY_MS } from './frame-worker.js';
import { announcementSchema, parsed, type Announcement } from './messages.js';
import { ANNOUNCEMENTS, ROLL_CALL } from './names.js';

/** A worker of which nothing was heard for so long is gone. */
const GONE_AFTER_MS = 3 * ANNOUNCE_EVERY_MS;

/** Which workers there are for a bundle, as they say themselves. */
export class RollCall {
  readonly #workers = new Map<string, { readonly announcement: Announcement; readonly heardMs: number }>();
  readonly #subscription: Subscription;
  readonly #timer: NodeJS.Timeout;

  constructor(
    connection: QueueConnection,
    {
      bundleDigest,
      onChange,
    }: { readonly bundleDigest: string; readonly onChange: (workers: readonly Announcement[]) => void },
  ) {
    const tell = (): void => onChange(this.workers);
    this.#subscription = connection.nats.subscribe(ANNOUNCEMENTS, {
      callback: (error, message) => {
        const announcement = error === null ? parsed(announcementSchema, message.string()) : undefined;
        if (announcement?.bundle.digest !== bundleDigest) {
          return;
        }
        const { worker, leaving } = announcement;
        const known = this.#workers.has(worker);
        if (leaving) {
          this.#workers.delete(worker);
        } else {
          this.#workers.set(worker, { announcement, heardMs: performance.now() });
        }
        if (known === leaving) {
          tell();
        }
      },
    });
    this.#timer = setInterval(() => {
      const gone = [...this.#workers].filter(([, { heardMs }]) => performance.now() - heardMs > GONE_AFTER_MS);
      for (const [worker] of gone) {
        this.#workers.delete(worker);
      }
      if (gone.length > 0) {
        tell();
      }
    }, ANNOUNCE_EVERY_MS);
    this.#timer.unref();
    connection.tell(ROLL_CALL);
  }

  get workers(): readonly Announcement[] {
    return [...this.#workers.values()].map(({ announcement }) => announcement);
  }

  /** Decoders that some worker has. */
  get decoders(): ReadonlySet<string> {
    return new Set(this.workers.flatMap(({ decoders }) => decoders));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#subscription.unsubscribe();
  }
}
