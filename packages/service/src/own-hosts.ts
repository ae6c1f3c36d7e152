import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { HttpError } from './errors.js';

export interface OwnHostsOptions {
  /** Where the service listens. */
  readonly host?: string | undefined;
  readonly allowedHosts?: readonly string[] | undefined;
}

/**
 * Whether a `Host` header names this service.
 *
 * A page from elsewhere can't read what a service answers, unless its own name is made to lead to the service (DNS
 * rebinding): to the browser both are then the same host. That takes a name, so an IP address is always right.
 */
export function ownHosts({ host, allowedHosts = [] }: OwnHostsOptions): (header: string) => boolean {
  const names = new Set(
    ['localhost', hostname(), host ?? 'localhost', ...allowedHosts].map((name) => name.toLowerCase()),
  );
  return (header) => {
    const called = hostnameOf(header);
    return called !== undefined && (names.has(called) || called.endsWith('.localhost') || isIP(called) !== 0);
  };
}

/** `[::1]:7401` → `::1` */
function hostnameOf(header: string): string | undefined {
  const url = `http://${header}`;
  return URL.canParse(url) ? new URL(url).hostname.replaceAll(/^\[|\]$/g, '') : undefined;
}

/** `E_FOREIGN_HOST`: a service was called by a name that isn't its own. */
export function foreignHost(header: string): HttpError {
  return new HttpError(
    421,
    'E_FOREIGN_HOST',
    `this service isn't known as "${header.slice(0, 256)}"`,
    'call it by its IP address or as localhost, or add the name to allowedHosts in its configuration',
  );
}
