import { describe, expect, it } from 'vitest';
import { describeWaveform } from '../../test/conformance.js';
import { createModem, WaveformError, waveformNames, waveforms, type WaveformName } from '../index.js';

/** Options with which a waveform uses a channel that is told, where it doesn't of itself. */
const TOLD: Partial<Record<WaveformName, Record<string, unknown>>> = { ofdm: { estimator: 'genie' } };

for (const name of waveformNames) {
  describeWaveform(name, waveforms[name], TOLD[name] ?? {});
}

describe('createModem', () => {
  it('refuses a name that there is none of, by that of an object as well', () => {
    for (const name of ['smoke-signals', 'toString']) {
      expect(() => createModem(name)).toThrow(WaveformError);
      expect(() => createModem(name)).toThrow(`there is no waveform "${name}"; there are ${waveformNames.join(', ')}`);
    }
  });
});
