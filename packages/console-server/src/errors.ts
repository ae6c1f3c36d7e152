import { SemcastError } from '@semcast/core';

/** `E_SERVICE_AWAY`: a service that the console is to ask, or to change, doesn't answer. */
export class ServiceAwayError extends SemcastError {
  override readonly name = 'ServiceAwayError';
  readonly statusCode = 502;

  constructor(service: string, url: string, why: string, cause?: unknown) {
    super('E_SERVICE_AWAY', `the ${service} at ${url} doesn't answer: ${why}`, {
      remedy: 'start it, or correct its address in the settings under "console"',
      cause,
    });
  }
}

/** `E_FEED_ANSWER`: what answers in the place of a service doesn't speak as one. */
export class FeedAnswerError extends SemcastError {
  override readonly name = 'FeedAnswerError';

  constructor(url: string, why: string, cause?: unknown) {
    super('E_FEED_ANSWER', `${url} answers, but not as a service of this release does: ${why}`, {
      remedy: 'check the address, and run the same release everywhere',
      cause,
    });
  }
}
