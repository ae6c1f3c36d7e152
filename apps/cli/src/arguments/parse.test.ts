import { describe, expect, it } from 'vitest';
import { flagList } from './flag-list.js';
import { parseArguments } from './parse.js';
import { many, toggle, value } from './spec.js';
import { integer, list, snrDb, text } from './values.js';

const flags = {
  snr: value('DB', list(snrDb), ''),
  limit: value('N', integer(), ''),
  out: value('DIR', text, ''),
  once: toggle(''),
  'metric-bundle': many('DIR', text, ''),
};
const parse = (...argv: string[]) => parseArguments(argv, { flags });
const parseFiles = (...argv: string[]) => parseArguments(argv, { flags, positionals: { name: 'PATH', summary: '' } });

describe('a command line', () => {
  it('gives what was typed, and undefined, false or nothing for the rest', () => {
    expect(parse().flags).toEqual({
      snr: undefined,
      limit: undefined,
      out: undefined,
      once: false,
      'metric-bundle': [],
    });
    expect(parse('--snr', '0,5', '--limit=3', '--once').flags).toMatchObject({ snr: [0, 5], limit: 3, once: true });
  });

  it('takes negative numbers as values', () => expect(parse('--snr', '-5,0').flags.snr).toEqual([-5, 0]));
  it('takes a value with an equals sign in it', () => expect(parse('--out=a=b').flags.out).toBe('a=b'));
  it('takes a switch back', () => {
    expect(parse('--no-once').flags.once).toBe(false);
    expect(parse('--once=false').flags.once).toBe(false);
    expect(parse('--once=true').flags.once).toBe(true);
  });

  it('collects flags that may come many times, in both forms', () => {
    const expected = ['a', 'b', 'c'];
    expect(parse('--metric-bundle', 'a', '--metric-bundle', 'b', '--metric-bundle=c').flags['metric-bundle']).toEqual(
      expected,
    );
    expect(parse('--metric-bundle', 'a', 'b', 'c', '--once').flags['metric-bundle']).toEqual(expected);
  });

  it('separates paths from flags wherever they stand', () => {
    expect(parseFiles('a.png', '--limit', '2', 'b.png', '--', '--c.png')).toMatchObject({
      positionals: ['a.png', 'b.png', '--c.png'],
      flags: { limit: 2 },
    });
    // With paths, a flag that collects takes one value at a time.
    expect(parseFiles('--metric-bundle', 'm', 'a.png').positionals).toEqual(['a.png']);
  });

  it.each([
    [['--snt', '5'], '--snt is no flag', 'did you mean --snr?'],
    [['--sn'], '--sn is no flag', 'did you mean --snr?'],
    [['-x'], '-x is no flag', 'see --help'],
    [['--no-limit'], '--no-limit is no flag', 'see --help'],
    [['--constructor', '1'], '--constructor is no flag', 'see --help'],
    [['--limit'], '--limit needs a value', 'write --limit N'],
    [['--out', '--once'], '--out needs a value', 'write --out DIR'],
    [['--limit', '1', '--limit', '2'], '--limit is given twice', 'give it once'],
    [['--limit', 'many'], '--limit: "many" is no whole number', 'write digits alone'],
    [['--once=5'], '--once takes no value', 'write --once or --no-once'],
    [['--once', 'false'], '--once takes no value', 'write --once or --no-once'],
    [['stray'], '"stray" is not expected here', 'values follow their flag; see --help'],
  ])('%j is refused', (argv, message, remedy) => {
    expect(() => parse(...argv)).toThrow(
      expect.objectContaining({ code: 'E_USAGE', message: expect.stringContaining(message), remedy }),
    );
  });
});

describe('the command line of a service to be started', () => {
  it('is read back as it was meant', () => {
    const argv = flagList({ snr: '-5,0', limit: 3, out: undefined, once: true });
    expect(argv).toEqual(['--snr', '-5,0', '--limit', '3', '--once']);
    expect(parse(...argv).flags).toMatchObject({ snr: [-5, 0], limit: 3, out: undefined, once: true });
    expect(flagList({ once: false })).toEqual(['--no-once']);
  });
});
