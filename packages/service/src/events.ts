import type { Logger } from 'pino';
import { onLogFailure } from './logger.js';
import type { CounterMetric } from './metrics.js';

/**
 * Notable moments: what somebody who looks at a curve wants to see marked there. Also the label `event` of
 * `semcast_events_total`, so the set is closed.
 */
export const EVENT_NAMES = [
  /** The channel's model, schedule, loss or seed was changed. */
  'channel-changed',
  /** Decoder, rate, pace or pause of a transmitter was changed. */
  'stream-changed',
  /** A frame ended without a picture. */
  'frame-dropped',
  /** The digital link beside a stream loses its picture, or brings it again: the cliff. */
  'digital-lost',
  'digital-regained',
  /** A transmitter's link went down, or came up again. */
  'link-lost',
  'link-restored',
  /** A stream was linked to this service, or isn't any more. */
  'stream-joined',
  'stream-left',
  /** The channel can't reach the receiver, or can again. */
  'receiver-away',
  'receiver-back',
  /** A recording ended early or lacks frames: its limit, a full disk, a disk that is too slow. */
  'recording-incomplete',
  /** A sampler's picture explains what was received far worse than noise would. */
  'diverged',
  /** Seen by the console: a service doesn't answer, or does again. */
  'service-away',
  'service-back',
  /** The log can't be written; its own lines can't tell. */
  'log-failed',
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

/** A notable moment; everything here is JSON. */
export interface NotableEvent {
  readonly event: EventName;
  readonly level: 'info' | 'warn' | 'error';
  /** A sentence for people. */
  readonly message: string;
  readonly stream?: string;
  readonly frame?: number;
}

export interface EventLogOptions {
  readonly logger: Logger;
  readonly metrics: { readonly events: CounterMetric<'event'> };
  /** The live feed. */
  readonly feed: { push(fact: NotableEvent & { readonly kind: 'event' }): void };
}

/** Where a service records its notable moments, once for logs, metrics and the console. */
export interface EventLog {
  /**
   * Write a log line with the field `event`, count it, and tell whoever watches.
   *
   * @param logged more fields of the log line
   * @param logLevel that of the log line; default: the event's
   */
  record(
    event: NotableEvent,
    logged?: Readonly<Record<string, unknown>>,
    logLevel?: NotableEvent['level'] | 'debug',
  ): void;
}

export function createEventLog({ logger, metrics, feed }: EventLogOptions): EventLog {
  const note = (event: NotableEvent): void => {
    metrics.events.inc({ event: event.event });
    feed.push({ kind: 'event', ...event });
  };
  onLogFailure(logger, ({ message }) => {
    note({ event: 'log-failed', level: 'error', message: `the log can't be written, lines are left out: ${message}` });
  });
  return {
    record: (event, logged, logLevel = event.level) => {
      const { level: _, message, ...fields } = event;
      logger[logLevel]({ ...fields, ...logged }, message);
      note(event);
    },
  };
}
