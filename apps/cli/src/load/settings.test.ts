import { describe, expect, it } from 'vitest';
import { commandText } from './settings.js';

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
