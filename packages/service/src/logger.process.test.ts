import { execFileSync } from 'node:child_process';
import { LOG_LEVELS } from '@semcast/config';
import { SemcastError } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from './logger.js';

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'channel',
    ...options,
    destination: { write: (line: string) => lines.push(line) },
  });
  return { logger, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

describe('createLogger', () => {
  it('writes one JSON line with level, time, service and what is bound', () => {
    const { logger, lines, last } = capture();
    logger.child({ stream: 'cam-1', frame: 7 }).info({ snrDb: 5 }, 'impaired');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/\n$/);
    expect(last()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: 'channel',
      stream: 'cam-1',
      frame: 7,
      snrDb: 5,
      msg: 'impaired',
    });
  });

  it('keeps code and remedy of an error, and its cause', () => {
    const { logger, last } = capture();
    const cause = new Error('disk full');
    logger.error({ err: new SemcastError('E_X', 'it broke', { remedy: 'mend it', cause }) }, 'failed');
    expect(last()['err']).toMatchObject({
      code: 'E_X',
      remedy: 'mend it',
      message: expect.stringContaining('it broke'),
    });
    expect(JSON.stringify(last())).toContain('disk full');
  });

  it('writes no secret, wherever it is, and no tensor', () => {
    const { logger, lines } = capture();
    logger.info({ hello: { token: 'hunter2', stream: 'cam-1' }, samples: new Float32Array(1000) }, 'hello');
    logger
      .child({ receiverToken: 'hunter2' })
      .child({ nested: { password: 'hunter2' } })
      .info('linked');
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines[0]).toContain('"stream":"cam-1"');
    expect(lines[0]).toContain('[Float32Array of 4000 bytes]');
    expect(lines[1]).toContain('"receiverToken":"[redacted]","nested":{"password":"[redacted]"}');
  });

  it('writes from its level up', () => {
    for (const level of LOG_LEVELS) {
      const { logger, lines } = capture({ level });
      for (const each of LOG_LEVELS) {
        logger[each]('line');
      }
      expect({ level, lines: lines.length }).toEqual({
        level,
        lines: LOG_LEVELS.length - 1 - LOG_LEVELS.indexOf(level),
      });
    }
  });

  it('writes to standard error, and at once', () => {
    const program =
      "import { createLogger } from '@semcast/service'; createLogger({ service: 'x' }).info('last words'); process.exit(3)";
    const run = () =>
      execFileSync(process.execPath, ['--input-type=module', '-e', program], {
        cwd: new URL('..', import.meta.url),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    expect(run).toThrow(
      expect.objectContaining({
        status: 3,
        stdout: Buffer.from(''),
        stderr: expect.toSatisfy((text: Buffer) => text.toString().includes('"msg":"last words"')),
      }),
    );
  });
});
