import { SemcastError } from '@semcast/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from './errors.js';

/** The body of every answer that is an error. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string };
}

function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status >= 400 && status <= 599) {
    return status;
  }
  return error instanceof SemcastError && error.code === 'E_ARGUMENT' ? 400 : 500;
}

/** Remedies for the refusals that fastify itself makes. */
function fromFramework(error: Error & { code?: string }, status: number, maxBodyBytes: number): HttpError {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HttpError(413, 'E_BODY_TOO_LARGE', 'the body is too large', `send at most ${maxBodyBytes} bytes`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new HttpError(
        415,
        'E_MEDIA_TYPE',
        error.message,
        'send JSON, with the header content-type: application/json',
      );
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new HttpError(400, 'E_BAD_JSON', 'the body is no valid JSON', 'send one JSON value');
    default:
      return new HttpError(status, 'E_BAD_REQUEST', error.message, 'correct the request');
  }
}

/**
 * Any error as one that may be shown. What a route didn't throw for its client's eyes stays in the log: a stack, a
 * path or a secret in its message is nobody else's business.
 */
function presentable(error: unknown, request: FastifyRequest): SemcastError {
  if (error instanceof SemcastError) {
    return error;
  }
  const status = statusOf(error);
  if (error instanceof Error && status < 500) {
    return fromFramework(error, status, request.routeOptions.bodyLimit);
  }
  return new HttpError(
    500,
    'E_INTERNAL',
    'something went wrong inside the service',
    `look for ${request.id} in the log of the service`,
    error,
  );
}

export function errorBody({ code, message, remedy }: SemcastError): ErrorBody {
  return { error: { code, message, remedy: remedy ?? 'look into the log of the service' } };
}

function send(reply: FastifyReply, status: number, error: SemcastError): void {
  void reply.code(status).type('application/json; charset=utf-8').send(errorBody(error));
}

/** Every refusal and failure of a server as `{ error: { code, message, remedy } }`. */
export function installErrorAnswers(app: FastifyInstance): void {
  const routes = new Map<string, string[]>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? [];
    routes.set(url, methods);
    methods.push(...[method].flat().filter((name) => name !== 'HEAD'));
  });

  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    if (status >= 500) {
      request.log.error({ err: error, method: request.method, url: request.url }, 'request failed');
    }
    send(reply, status, presentable(error, request));
  });

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    const allowed = routes.get(path);
    if (allowed !== undefined) {
      const methods = allowed.join(', ');
      void reply.header('allow', methods);
      const message = `${path} takes no ${request.method}`;
      send(reply, 405, new HttpError(405, 'E_METHOD_NOT_ALLOWED', message, `use ${methods}`));
      return;
    }
    const known = [...routes].map(([url, methods]) => `${methods.join(', ')} ${url}`).join('; ');
    send(reply, 404, new HttpError(404, 'E_NOT_FOUND', `there is nothing at ${path}`, `there are: ${known}`));
  });
}

/** For requests that fastify refuses before any handler: an URL that can't be decoded, a bad constraint. */
export function answerFrameworkError(error: Error, _request: FastifyRequest, reply: FastifyReply): void {
  send(reply, 400, new HttpError(400, 'E_BAD_REQUEST', error.message, 'correct the address of the request'));
}
