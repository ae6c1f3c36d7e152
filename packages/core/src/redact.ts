import { isSecretName, REDACTED, redactUrls } from './secrets.js';

/** Deeper than any configuration or log object; what lies below is left out, so that a cycle ends. */
const MAX_DEPTH = 8;

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    return redactUrls(value);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    // A tensor in a log line would be megabytes of digits.
    return `[${value.constructor.name} of ${value.byteLength} bytes]`;
  }
  if (depth >= MAX_DEPTH) {
    return '[…]';
  }
  if (Array.isArray(value)) {
    return value.map((entry) => redactValue(entry, depth + 1));
  }
  return isPlainObject(value) ? redactObject(value, depth) : value;
}

function redactObject(value: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  const entries = Object.entries(value).map(([name, entry]) => {
    const secret = isSecretName(name) && entry !== undefined && entry !== null && entry !== '';
    return [name, secret ? REDACTED : redactValue(entry, depth + 1)];
  });
  return Object.fromEntries(entries);
}

/**
 * A copy without secrets: values of secret names, and passwords and tokens in URLs, read `[redacted]`, binary data its length.
 * Objects with a class of their own (errors, dates) are kept as they are.
 */
export function redact(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(value, 0);
}
