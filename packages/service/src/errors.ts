import { SemcastError } from '@semcast/core';

export type ListenErrorCode =
  /** Another program listens there. */
  | 'E_PORT_BUSY'
  /** The operating system reserves the port. */
  | 'E_PORT_DENIED'
  /** The host is no address of this machine. */
  | 'E_HOST_UNAVAILABLE'
  /** Anything else that kept a server from listening. */
  | 'E_LISTEN';

/** A server couldn't start to listen. */
export class ListenError extends SemcastError {
  override readonly name = 'ListenError';

  constructor(code: ListenErrorCode, message: string, remedy: string, cause: unknown) {
    super(code, message, { remedy, cause });
  }
}

/**
 * A request is refused: the answer has this status and `{ error: { code, message, remedy } }`.
 * Routes may throw it, or any SemcastError of their own with a `statusCode`.
 */
export class HttpError extends SemcastError {
  override readonly name = 'HttpError';
  readonly statusCode: number;

  constructor(statusCode: number, code: string, message: string, remedy: string, cause?: unknown) {
    super(code, message, { remedy, cause });
    this.statusCode = statusCode;
  }
}
