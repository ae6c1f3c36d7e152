import { channelModelNames, parseChannelConfig, type ChannelConfigInput } from '@semcast/channel-models';
import { createModem } from '@semcast/phy';
import { describe, expect, it } from 'vitest';
import { bitErrorRow, deviationOf } from './bit-error-rate.js';

const singleCarrier = createModem('single-carrier');
const ofdm = createModem('ofdm', { estimator: 'genie', prefix: 32, fftSize: 256 });

const rowOf = (config: ChannelConfigInput, modem = singleCarrier, ebN0Db = 5, frames = 400) =>
  bitErrorRow({ channel: parseChannelConfig({ seed: 3, ...config }), modem, frames, symbols: 512 }, ebN0Db);

describe('bit error rates of QPSK', () => {
  it.each(channelModelNames)('over %s are those of the closed form, symbol by symbol or carrier by carrier', (name) => {
    // Carriers disturb each other where gains change within an OFDM symbol.
    const row = rowOf({ model: { name } }, /block|fast/.test(name) ? singleCarrier : ofdm);
    expect(row.theory).not.toBeNull();
    expect(row.standardError).toBeLessThan(row.ber / 5);
    expect(Math.abs(deviationOf(row)!)).toBeLessThan(5);
    expect(Math.abs(row.ber - row.expected)).toBeLessThan(5 * Math.sqrt(row.ber / row.bits));
  });

  it('have no closed form where echoes are noise, but what the channel state says', () => {
    const row = rowOf({ model: { name: 'tdl-exp', taps: 2, decay: 0.5 } });
    expect(row.theory).toBeNull();
    // Echoes of QPSK aren't Gaussian, as the noise is taken to be.
    expect(Math.abs(row.ber / row.expected - 1)).toBeLessThan(0.1);
  });

  it('are no less with Doppler, and of lost frames none is counted', () => {
    const row = rowOf({ model: { name: 'tdl-b', maxDopplerHz: 50 }, loss: 0.5 }, ofdm);
    expect(row.bits).toBe(2 * 512 * 400);
    expect(Math.abs(row.ber - row.expected)).toBeLessThan(5 * Math.sqrt(row.ber / row.bits));
  });

  it('are higher than the receiver is told under interference', () => {
    const row = rowOf({ impairments: [{ name: 'interference', probability: 0.05 }] });
    expect(row.ber).toBeGreaterThan(2 * row.expected);
    expect(deviationOf(row)).toBeGreaterThan(10);
  });
});
