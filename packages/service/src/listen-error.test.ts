import { describe, expect, it } from 'vitest';
import { explainListenError } from './listen-error.js';

const explain = (code: string) =>
  explainListenError(
    { service: 'channel', host: '10.9.8.7', port: 81 },
    Object.assign(new Error(`listen ${code}: 10.9.8.7:81`), { code }),
  );

describe('explainListenError', () => {
  it.each([
    [
      'EADDRINUSE',
      'E_PORT_BUSY',
      "port 81 on 10.9.8.7 is taken: channel can't listen there",
      'stop the program that listens there ("lsof -i :81" names it), or choose another port with --port or SEMCAST_CHANNEL_PORT; 0 takes any free one',
    ],
    [
      'EACCES',
      'E_PORT_DENIED',
      'this user may not listen on port 81',
      'choose a port from 1024 up with --port or SEMCAST_CHANNEL_PORT',
    ],
    [
      'EADDRNOTAVAIL',
      'E_HOST_UNAVAILABLE',
      '"10.9.8.7" is no address of this machine',
      'choose 127.0.0.1 for this machine only or 0.0.0.0 for all its addresses, with --host or SEMCAST_CHANNEL_HOST',
    ],
    [
      'EMFILE',
      'E_LISTEN',
      "channel can't listen on 10.9.8.7, port 81: listen EMFILE: 10.9.8.7:81",
      'check host and port',
    ],
  ])('%s is %s', (cause, code, message, remedy) => {
    expect(explain(cause)).toMatchObject({ name: 'ListenError', code, message, remedy, cause: { code: cause } });
  });
});
