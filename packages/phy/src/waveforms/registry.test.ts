import { describe, expect, it } from 'vitest';
import { describeWaveform } from '../../test/conformance.js';
import { createModem, WaveformError, waveformNames, waveforms } from '../index.js';

for (const name of waveformNames) {
  describeWaveform(name, waveforms[name]);
}

describe('createModem', () => {
  it('refuses a name that there is none of, by that of an object as well', () => {
    for (const name of ['smoke-signals', 'toString']) {
      expect(() => createModem(name)).toThrow(WaveformError);
      expect(() => createModem(name)).toThrow(`there is no waveform "${name}"; there are ${waveformNames.join(', ')}`);
    }
  });
});
