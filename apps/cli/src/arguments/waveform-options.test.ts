import { describe, expect, it } from 'vitest';
import { completeWaveformOptions, parseWaveformOption, typedWaveform, waveformText } from './waveform-options.js';

describe('the waveform of a command line', () => {
  it.each([
    ['prefix=8', ['prefix', 8]],
    ['clipping=1.2', ['clipping', 1.2]],
    ['estimator=genie', ['estimator', 'genie']],
  ] as const)('%s', (typed, option) => {
    expect(parseWaveformOption(typed)).toEqual(option);
  });

  it.each(['prefix', '=8', 'prefix=', 'ofdm.prefix=8', ''])('refuses "%s"', (typed) => {
    expect(() => parseWaveformOption(typed)).toThrow(/is no option of a waveform/);
  });

  it('is a name, options where there are some, and what the receiver is told', () => {
    const typed = { waveform: 'single-carrier' as const, 'waveform-option': [] };
    expect(typedWaveform(typed)).toEqual({ waveform: 'single-carrier', csi: 'genie' });
    const ofdm = { waveform: 'ofdm' as const, 'waveform-option': [['prefix', 8] as const] };
    expect(typedWaveform(ofdm)).toEqual({ waveform: 'ofdm', waveformOptions: { prefix: 8 }, csi: 'none' });
    expect(typedWaveform(ofdm, 'genie').csi).toBe('genie');
    expect(completeWaveformOptions(typedWaveform(ofdm))).toMatchObject({ fftSize: 256, prefix: 8, pilots: 'preamble' });
  });

  it('names the option that is wrong', () => {
    const ofdm =
      (...options: (readonly [string, number | string])[]) =>
      () =>
        typedWaveform({ waveform: 'ofdm', 'waveform-option': options }, 'none');
    expect(ofdm(['prefix', 300])).toThrow(/--waveform-option: of ofdm: prefix: must be below fftSize, 256/);
    expect(ofdm(['fftsize', 64])).toThrow(/fftsize/);
    expect(ofdm(['prefix', 1], ['prefix', 2])).toThrow(/twice/);
    expect(ofdm(['estimator', 'genie'])).toThrow(/csi/);
  });

  it('is told by what is not its default', () => {
    expect(waveformText('ofdm', { fftSize: 256, prefix: 8 })).toBe('ofdm, prefix 8');
    expect(waveformText('of-a-newer-release', { rolloff: 0.2 })).toBe('of-a-newer-release, rolloff 0.2');
  });
});
