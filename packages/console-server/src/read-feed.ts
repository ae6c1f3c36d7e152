import { setTimeout as sleep } from 'node:timers/promises';
import { feedAnswerSchemas, type FeedAnswerOf, type LiveService } from '@semcast/console-messages';
import { z } from 'zod';
import { askService } from './ask.js';
import { FeedAnswerError } from './errors.js';

export interface FeedReaderOptions<Service extends LiveService> {
  readonly service: Service;
  /** `http://127.0.0.1:7403` */
  readonly url: string;
  readonly onAnswer: (answer: FeedAnswerOf<Service>) => void;
  /** Why there was no answer; it goes on trying. */
  readonly onAway: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** How long a service may wait before it says that nothing happened: also how soon its status is known anew. */
const WAIT_MS = 1000;
/** On top of that, for the way and a busy machine. */
const TIMEOUT_MS = 5000;
const MAX_ANSWER_BYTES = 8 * 1024 ** 2;
/** Answers come no faster than this: a stream of many frames a second is read a few at a time. */
const PACE_MS = 40;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;
/** The HTTP status of a service for a host name that it doesn't accept. */
const MISDIRECTED = 421;

/** Read a service's feed until the signal fires. Never rejects. */
export async function readFeed<Service extends LiveService>(options: FeedReaderOptions<Service>): Promise<void> {
  const { service, url, onAnswer, onAway, signal } = options;
  let position: { readonly boot: string; readonly next: number } | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const answer = await ask(service, url, position, signal);
      failures = 0;
      position = { boot: answer.boot, next: answer.next };
      onAnswer(answer);
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      failures++;
      onAway(error);
    }
    const pauseMs = failures === 0 ? PACE_MS : Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LAST_RETRY_MS);
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

async function ask<Service extends LiveService>(
  service: Service,
  base: string,
  position: { readonly boot: string; readonly next: number } | undefined,
  signal: AbortSignal,
): Promise<FeedAnswerOf<Service>> {
  const url = new URL('/feed', base);
  // The first question is answered at once: there is a status to be shown.
  if (position !== undefined) {
    url.search = new URLSearchParams({
      after: String(position.next),
      boot: position.boot,
      waitMs: String(WAIT_MS),
    }).toString();
  }
  const { status, bytes } = await askService(service, url, {
    timeoutMs: WAIT_MS + TIMEOUT_MS,
    maxBytes: MAX_ANSWER_BYTES,
    signal,
  });
  if (status !== 200) {
    const why = status === MISDIRECTED ? `, as ${url.hostname} is none of its allowedHosts` : '';
    throw new FeedAnswerError(url.origin, `/feed answers with ${status}${why}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new FeedAnswerError(url.origin, '/feed is no JSON', error);
  }
  const parsed = feedAnswerSchemas[service].safeParse(json);
  if (!parsed.success) {
    throw new FeedAnswerError(url.origin, z.prettifyError(parsed.error), parsed.error);
  }
  return parsed.data as FeedAnswerOf<Service>;
}
