import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { warnOfOpenDoors } from './open-doors.js';

describe('warnOfOpenDoors', () => {
  const warnings = (host: string, tokens: readonly (string | undefined)[]): string[] => {
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) });
    const doors = tokens.map((token, i) => [`token${i}`, { token, allows: `do ${i}` }] as const);
    warnOfOpenDoors(logger, host, Object.fromEntries(doors));
    return lines;
  };

  it.each(['0.0.0.0', '::', '192.168.1.5', 'receiver'])('names what is open to whoever reaches %s', (host) => {
    expect(warnings(host, ['hush', undefined])).toEqual([
      `token1 is not set: whoever reaches this service at ${host} may do 1`,
    ]);
    expect(warnings(host, [undefined, undefined])).toHaveLength(2);
  });

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])(
    'says nothing where only this machine gets in (%s)',
    (host) => {
      expect(warnings(host, [undefined])).toEqual([]);
    },
  );
});
