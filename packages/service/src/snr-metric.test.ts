import { describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.js';
import { observeSnr } from './snr-metric.js';

describe('the SNR of the newest frame', () => {
  it('has only the kinds that this frame tells of', async () => {
    const metrics = createMetrics('receiver', { processMetrics: false });
    const exposed = async (): Promise<string[]> =>
      (await metrics.text()).split('\n').filter((line) => line.startsWith('semcast_snr_db{'));

    observeSnr(metrics.snr, { configured: 10, measured: 8, effective: 6, estimated: null });
    expect(await exposed()).toEqual([
      'semcast_snr_db{kind="configured"} 10',
      'semcast_snr_db{kind="measured"} 8',
      'semcast_snr_db{kind="effective"} 6',
    ]);
    observeSnr(metrics.snr, { configured: 5, estimated: 5.5 });
    expect(await exposed()).toEqual(['semcast_snr_db{kind="configured"} 5', 'semcast_snr_db{kind="estimated"} 5.5']);
    observeSnr(metrics.snr, { estimated: Number.NaN });
    expect(await exposed()).toEqual([]);
  });
});
