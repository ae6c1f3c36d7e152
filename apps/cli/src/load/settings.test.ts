import { describe, expect, it } from 'vitest';
import { parseArguments } from '../arguments/parse.js';
import { many, toggle, value } from '../arguments/spec.js';
import { integer, text } from '../arguments/values.js';
import { commandText } from './settings.js';

const flags = {
  to: value('URL', text, '', 'ws://127.0.0.1:7401'),
  streams: value('N', integer(), '', 1),
  deadline: value('S', integer(), ''),
  'find-saturation': toggle(''),
  slo: many('TERM', text, ''),
  'decoder-option': many('NAME=VALUE', text, ''),
  json: value('FILE', text, ''),
  cbr: value('RATIO', text, ''),
  token: value('TEXT', text, ''),
};

describe('the command line of a report', () => {
  it('can be pasted into a shell', () => {
    const argv = ['--json', "it's here.json", '--streams=8', '--find-saturation', '--slo', 'p99=2s', 'drops=1%'];
    const { given } = parseArguments([...argv, '--token', 'secret'], { flags });
    expect(commandText('load', flags, given, { cbr: '1/24', token: undefined })).toBe(
      String.raw`semcast load --to ws://127.0.0.1:7401 --streams 8 --find-saturation --slo p99=2s drops=1% --json 'it'\''s here.json' --cbr 1/24`,
    );
  });
});
