/** What stands in the place of a secret, in logs and in `--print-config`. */
export const REDACTED = '[redacted]';

/**
 * Names whose values are secret, whatever stands before: `token`, `receiverToken`, `apiKey`, `db_password`.
 * `tokenFile` names a file, and `tokens` counts something, so the word must come last and in the singular.
 */
const SECRET_NAME =
  /(token|secret|password|passphrase|credentials?|authorization|cookie|api[-_]?key|private[-_]?key)$/i;

/** `ws://user:password@host`: what is between the colon and the at sign. */
const URL_PASSWORD = /^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*):[^/?#@]*@/i;

/** Deeper than any configuration or log object; what lies below is left out, so that a cycle ends. */
const MAX_DEPTH = 8;

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    return value.replace(URL_PASSWORD, `$1:${REDACTED}@`);
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
 * A copy without secrets: values of secret names and passwords in URLs read `[redacted]`, binary data its length.
 * Objects with a class of their own (errors, dates) are kept as they are.
 */
export function redact(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(value, 0);
}
