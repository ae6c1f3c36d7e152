/** What stands in the place of a secret: in logs, answers, errors and printed configurations. */
export const REDACTED = '[redacted]';

/**
 * Names whose values are secret, whatever stands before: `token`, `receiverToken`, `apiKey`, `db_password`.
 * `tokenFile` names a file, and `tokens` counts something, so the word must come last and in the singular.
 */
const SECRET_NAME =
  /(token|secret|password|passphrase|credentials?|authorization|cookie|api[-_]?key|private[-_]?key)$/i;

/** Names that are secret in the query of a URL, where they are shorter. */
const SECRET_PARAMETER = /^(auth|jwt|key|pass|pwd|sig|signature)$/i;

/** What stands between `://` and the last at sign before the path. Anchored there, so that long texts take no time. */
const USER_INFO = /:\/\/([^\s/?#"'\\<>]*)@/g;

const PARAMETER = /([?&;])([\w.~-]{1,64})=([^\s&#"'\\<>]+)/g;

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/**
 * A text without the secrets of the URLs in it: `ws://user:[redacted]@host/?token=[redacted]`. A user without a password
 * is a token. JSON stays JSON.
 */
export function redactUrls(text: string): string {
  return text
    .replace(USER_INFO, (_, user: string) => {
      const colon = user.indexOf(':');
      return `://${colon === -1 ? '' : user.slice(0, colon + 1)}${REDACTED}@`;
    })
    .replace(PARAMETER, (whole, before: string, name: string) =>
      isSecretName(name) || SECRET_PARAMETER.test(name) ? `${before}${name}=${REDACTED}` : whole,
    );
}
