import { createHash, timingSafeEqual } from 'node:crypto';
import { addressOwner, RateLimit, WRONG_TOKENS } from '@semcast/core';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './errors.js';

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Compare secrets in a time that doesn't tell how far they agree, nor how long they are. */
function sameSecret(given: string, wanted: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(wanted));
}

/**
 * An `onRequest` hook for routes that change something: without a configured token everybody may.
 *
 * @param what is refused, as a message begins: "changing the channel"
 */
export function checkControlToken(
  controlToken: string | undefined,
  what: string,
): (request: FastifyRequest) => Promise<void> {
  const mistakes = new RateLimit(WRONG_TOKENS);
  return async (request) => {
    const owner = addressOwner(request.ip);
    if (controlToken !== undefined && mistakes.isSpent(owner, performance.now())) {
      throw new HttpError(
        429,
        'E_TOO_MANY_REQUESTS',
        'too many wrong tokens came from this address',
        'wait for a minute, then send the right one',
      );
    }
    // The scheme is written in whatever case (RFC 9110, 11.1).
    const given = /^bearer +(.*)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (controlToken !== undefined && !sameSecret(given, controlToken)) {
      mistakes.admit(owner, performance.now());
      throw new HttpError(
        401,
        'E_CONTROL_TOKEN',
        `${what} takes the control token`,
        'send the header "authorization: Bearer TOKEN" with the value of controlToken',
      );
    }
  };
}
