import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../errors.js';
import { trace } from './trace.js';

const line = (time: string, service: string, msg: string, rest: object): string =>
  JSON.stringify({ level: 'info', time: `2026-01-02T03:04:${time}Z`, service, msg, ...rest });
const OF_A = { stream: 'a', frame: 12 };

describe('semcast trace', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'semcast-trace-'));
    await writeFile(
      join(dir, 'receiver.log'),
      [
        line('05.250', 'receiver', 'frame decoded', {
          ...OF_A,
          decoder: 'jscc',
          timingsMs: { queue: 2, decode: 1500 },
        }),
        line('05.300', 'receiver', 'frame decoded', { ...OF_A, frame: 13 }),
        'no JSON at all {',
      ].join('\n'),
    );
    await writeFile(
      join(dir, 'rest.log'),
      [
        `channel-1  | ${line('05.100', 'channel', 'frame forwarded', { ...OF_A, snrDb: 4.123456, channelUses: 65_537 })}`,
        line('05.400', 'transmitter', 'frame dropped', { ...OF_A, stream: 'b', level: 'warn', reason: 'deadline' }),
      ].join('\n'),
    );
  });
  afterAll(() => rm(dir, { recursive: true }));

  async function run(...argv: string[]): Promise<{ code: number; output: string; notes: string }> {
    const written = { output: '', notes: '' };
    const sink = (key: 'output' | 'notes') => ({ columns: 80, write: (text: string) => (written[key] += text) });
    const io = {
      stdout: sink('output'),
      stderr: sink('notes'),
      env: { NO_COLOR: '1' },
      interruption: () => new AbortController().signal,
    };
    const code = await trace.run(argv, io, { name: 'trace', summary: '' });
    return { code, ...written };
  }
  const logs = (): string[] => [join(dir, 'receiver.log'), join(dir, 'rest.log')];

  it('prints the stages of a frame across services, in order of time, stream by stream', async () => {
    const { code, output } = await run('12', ...logs());
    expect(code).toBe(0);
    expect(output.split('\n').map((row) => row.trimEnd())).toEqual([
      '',
      '  frame 12 of stream a',
      '',
      '  03:04:05.100  channel      frame forwarded',
      '                               snrDb 4.123, channelUses 65537',
      '  03:04:05.250  receiver     frame decoded',
      '                               queue 2.0 ms, decode 1.5 s, decoder jscc',
      '',
      '  frame 12 of stream b',
      '',
      '  03:04:05.400  transmitter  frame dropped',
      '                               reason deadline',
      '',
      '',
    ]);
  });

  it('keeps to one stream', async () => {
    const { output } = await run('12', '--stream', 'b', ...logs());
    expect(output).not.toContain('stream a');
    expect(output).toContain('stream b');
  });

  it('fails, and says what to do, when no log has the frame', async () => {
    const { code, notes } = await run('99', ...logs());
    expect(code).toBe(1);
    expect(notes).toContain('--log-level debug');
  });

  it.each([
    ['without a frame', []],
    ['with what is no number', ['first']],
    ['with a log that is not there', ['12', 'nowhere.log']],
  ])('is refused %s', async (_, argv) => {
    await expect(run(...argv)).rejects.toThrow(UsageError);
  });
});
