import type { GaugeMetric } from './metrics.js';

/** The figures that are called SNR (docs/definitions.md), but for the one that a transmitter's encoder is told. */
const SNR_KINDS = ['configured', 'measured', 'effective', 'estimated'] as const;

export type SnrFigures = Readonly<Partial<Record<(typeof SNR_KINDS)[number], number | null | undefined>>>;

/**
 * Expose the SNRs of the newest frame, in dB. A kind that this frame lacks is removed, so that no older value is
 * exposed.
 */
export function observeSnr(gauge: GaugeMetric<'kind'>, figures: SnrFigures): void {
  for (const kind of SNR_KINDS) {
    const snrDb = figures[kind];
    if (typeof snrDb === 'number' && Number.isFinite(snrDb)) {
      gauge.set({ kind }, snrDb);
    } else {
      gauge.remove({ kind });
    }
  }
}
