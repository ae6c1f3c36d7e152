import { withAnySignal } from '@semcast/core';
import { ServiceAwayError } from './errors.js';

export interface AskOptions {
  readonly method?: 'GET' | 'PUT' | 'POST';
  /** JSON, or a file's bytes with their type. */
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  readonly token?: string | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/**
 * Ask a service over HTTP, within a time and a size.
 *
 * @throws ServiceAwayError when there is no answer; the signal's reason when it fires
 */
export async function askService(service: string, url: URL, options: AskOptions): Promise<Answer> {
  const { method = 'GET', body, contentType, token, timeoutMs, maxBytes, signal } = options;
  const ask = async (ending: AbortSignal): Promise<Answer> => {
    const response = await fetch(url, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined
        ? {}
        : { body: body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
      redirect: 'error',
      signal: ending,
    });
    const bytes = await readBody(response, maxBytes);
    return { status: response.status, contentType: response.headers.get('content-type') ?? '', bytes };
  };
  try {
    return await withAnySignal([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])], ask);
  } catch (error) {
    signal?.throwIfAborted();
    throw new ServiceAwayError(service, url.origin, reasonOf(error, timeoutMs), error);
  }
}

async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) {
      await response.body?.cancel().catch(() => undefined);
      throw new RangeError(`it sends more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The reason in the cause of an error of fetch. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  if (error.name === 'TimeoutError') {
    return `nothing came within ${timeoutMs} ms`;
  }
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  switch (code) {
    case 'ECONNREFUSED':
      return 'nobody listens there';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its host has no address';
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'the connection broke';
    case undefined:
      return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
    default:
      return code;
  }
}
