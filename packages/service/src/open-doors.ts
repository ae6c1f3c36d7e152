import type { Logger } from 'pino';

const LOOPBACK = /^(127\..*|::1|localhost)$/;

/**
 * A service that listens beyond its machine and asks for no token says so: an empty variable means none, which is not
 * always what was meant.
 *
 * @param doors by the name of the token: the token, and what everybody may do without it
 */
export function warnOfOpenDoors(
  logger: Logger,
  host: string,
  doors: Readonly<Record<string, { readonly token: string | undefined; readonly allows: string }>>,
): void {
  if (LOOPBACK.test(host)) {
    return;
  }
  for (const [name, { token, allows }] of Object.entries(doors)) {
    if (token === undefined) {
      logger.warn({ host, missing: name }, `${name} is not set: whoever reaches this service at ${host} may ${allows}`);
    }
  }
}
