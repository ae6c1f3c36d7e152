import { describe, expect, it } from 'vitest';
import { chooseCsi } from './choose-csi.js';

describe('chooseCsi', () => {
  it.each([
    [{ waveform: 'single-carrier' }, 'genie'],
    [{ waveform: 'ofdm' }, 'none'],
    [{ waveform: 'ofdm', csi: 'genie' as const }, 'genie'],
    [{ waveform: 'ofdm', waveformOptions: { pilots: 'none' } }, 'genie'],
    [{ waveform: 'ofdm', waveformOptions: { pilots: 'none' }, csi: 'none' as const }, 'none'],
    [{ waveform: 'ofdm', waveformOptions: { estimator: 'genie' } }, 'genie'],
  ])('of %o is %s', (chosen, csi) => {
    expect(chooseCsi(chosen)).toBe(csi);
  });

  it('refuses an oracle that is told nothing, and options that the waveform does not have', () => {
    const oracle = { waveform: 'ofdm', waveformOptions: { estimator: 'genie' }, csi: 'none' as const };
    expect(() => chooseCsi(oracle)).toThrow(/estimator "genie"/);
    expect(() => chooseCsi({ waveform: 'ofdm', waveformOptions: { fftSize: 0 } })).toThrow(/fftSize/);
  });
});
