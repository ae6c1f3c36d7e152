import { describe, expect, it } from 'vitest';
import { parseDecoderOption } from '../arguments/decoder-options.js';
import { commandText, decoderOptionsOf } from './settings.js';

const options = (...typed: string[]) => ({ steps: undefined, options: typed.map(parseDecoderOption) });

describe('options of the decoder', () => {
  it('go as they are to a decoder that is known at the receiver only', () => {
    expect(decoderOptionsOf('crystal-ball', { ...options('eta=0.5', 'crystal-ball.warm=true'), steps: 8 })).toEqual({
      steps: 8,
      eta: 0.5,
      warm: true,
    });
    expect(decoderOptionsOf('jscc', options())).toEqual({});
  });

  it('are checked where the decoder is known', () => {
    expect(() => decoderOptionsOf('jscc', { steps: 5, options: [] })).toThrow('--steps: jscc takes no steps');
    expect(() => decoderOptionsOf('jscc', options('eta=1'))).toThrow(/--decoder-option: .*eta/);
    expect(() => decoderOptionsOf('jscc', options('crystal-ball.eta=1'))).toThrow('is for another decoder than jscc');
    expect(() => decoderOptionsOf('crystal-ball', { ...options('steps=4'), steps: 5 })).toThrow('steps is given twice');
    // Names that every object inherits are names like any other.
    expect(decoderOptionsOf('constructor', options('toString=1'))).toEqual({ toString: 1 });
  });
});

describe('the command line of a report', () => {
  it('can be pasted into a shell', () => {
    expect(
      commandText(
        { to: 'ws://127.0.0.1:7401', streams: 8, deadline: undefined, 'find-saturation': true, json: "it's here.json" },
        { slo: ['p99=2s', 'drops=1%'], 'decoder-option': [] },
      ),
    ).toBe(
      String.raw`semcast load --to ws://127.0.0.1:7401 --streams 8 --find-saturation --json 'it'\''s here.json' --slo p99=2s drops=1%`,
    );
  });
});
