import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { HttpError } from './errors.js';

/** The largest picture that is handed in over HTTP. */
export const MAX_PICTURE_BODY_BYTES = 16 * 1024 ** 2;
/** Pictures come no faster than this, whoever sends them. */
const EVERY_MS = 150;

/** What goes with a picture: the name by which it is shown. */
export const pictureQuery = z.object({ name: z.string().max(256).catch('photograph').default('photograph') });

/**
 * Let routes of this server take a picture as their body, as its bytes: nothing is decoded here. A page of another origin
 * can't send one, as its browser asks first for these types.
 */
export function acceptPictures(app: FastifyInstance): void {
  app.addContentTypeParser(
    /^image\/(?:png|jpeg|webp|avif|gif|tiff)$/,
    { parseAs: 'buffer', bodyLimit: MAX_PICTURE_BODY_BYTES },
    (_request, body, done) => {
      done(null, body);
    },
  );
}

/** An `onRequest` hook: one picture at a time, some a second. What comes in between is refused before it is read. */
export function limitPictures(): (request: FastifyRequest) => Promise<void> {
  let lastMs = -Infinity;
  return async () => {
    const nowMs = performance.now();
    if (nowMs - lastMs < EVERY_MS) {
      throw new HttpError(429, 'E_TOO_MANY_PICTURES', 'pictures come too fast', 'send a few a second');
    }
    lastMs = nowMs;
  };
}

/** @throws HttpError when the body is no picture's bytes */
export function pictureBody(body: unknown): Buffer {
  if (!Buffer.isBuffer(body) || body.length === 0) {
    throw new HttpError(
      415,
      'E_NO_PICTURE',
      'the body is no picture',
      'send the bytes of a JPEG, PNG, WebP, TIFF, GIF or AVIF file, with its content type',
    );
  }
  return body;
}
