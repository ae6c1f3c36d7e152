import { environmentPrefix } from '@semcast/config';
import { ListenError } from './errors.js';

/** Why a server couldn't listen, and what to do about it, from what the operating system said. */
export function explainListenError(
  { service, host, port }: { readonly service: string; readonly host: string; readonly port: number },
  cause: unknown,
): ListenError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const variable = `${environmentPrefix(service)}PORT`;
  switch (code) {
    case 'EADDRINUSE':
      return new ListenError(
        'E_PORT_BUSY',
        `port ${port} on ${host} is taken: ${service} can't listen there`,
        `stop the program that listens there ("lsof -i :${port}" names it), or choose another port with --port or ` +
          `${variable}; 0 takes any free one`,
        cause,
      );
    case 'EACCES':
      return new ListenError(
        'E_PORT_DENIED',
        `this user may not listen on port ${port}`,
        `choose a port from 1024 up with --port or ${variable}`,
        cause,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ListenError(
        'E_HOST_UNAVAILABLE',
        `"${host}" is no address of this machine`,
        `choose 127.0.0.1 for this machine only or 0.0.0.0 for all its addresses, with --host or ` +
          `${environmentPrefix(service)}HOST`,
        cause,
      );
    default:
      return new ListenError(
        'E_LISTEN',
        `${service} can't listen on ${host}, port ${port}: ${message}`,
        'check host and port',
        cause,
      );
  }
}
