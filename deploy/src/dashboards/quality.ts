import { qualityMetrics } from '@semcast/quality';
import { METRIC_DEFINITIONS } from '@semcast/service';
import { createDashboard } from '../dashboard.js';
import { curves, distribution, scatter } from '../panels.js';
import { buckets, mean, quantile, RATE_WINDOW } from '../promql.js';

/** Over the same window as the means that are drawn against it. */
const againstSnr = {
  x: { expr: `avg(avg_over_time(semcast_snr_db{job="channel",kind="configured"}[${RATE_WINDOW}]))`, legend: 'SNR' },
  xUnit: 'dB',
};
const selected = (metric: string): string => `${metric}{decoder=~"$decoder"}`;
const PREVIEW_PSNR = mean(selected('semcast_preview_psnr_db'), ['decoder']);
const RESIDUAL = selected('semcast_measurement_residual_ratio');
const END_TO_END = selected('semcast_end_to_end_latency_seconds');

/** Of the registry of packages/quality, as panels want them. */
const METRICS = Object.values(qualityMetrics).map(({ name, label, unit, higherIsBetter, minimumSize }) => ({
  label,
  unit: unit === '' ? 'short' : unit,
  higherIsBetter,
  minimumSize,
  histogram: selected(METRIC_DEFINITIONS[`reconstruction.${name}`].name),
  /** Whether previews have it, too. */
  previews: name === 'psnrDb',
}));

export const quality = createDashboard({
  uid: 'semcast-quality',
  title: 'quality against SNR',
  description:
    'One point for each moment: how good the pictures were, and what the SNR was. Let the SNR swing (schedule sine or linear) and the curve draws itself.',
  byDecoder: true,
  sections: [
    {
      title: 'Against SNR',
      panels: [
        ...METRICS.map(({ label, unit, histogram, minimumSize, previews }) =>
          scatter({
            title: `${label} against SNR`,
            description: previews
              ? 'Analogue symbols have no cliff: it rises and falls smoothly. Where a decoder refines, its previews are there too; what it adds looks more like a photograph, and costs a little PSNR.'
              : `Of pictures of at least ${minimumSize} pixels a side; smaller ones have none.`,
            unit,
            ...againstSnr,
            y: [
              { expr: mean(histogram, ['decoder']), legend: '{{decoder}}' },
              ...(previews ? [{ expr: PREVIEW_PSNR, legend: 'preview of {{decoder}}' }] : []),
            ],
          }),
        ),
        scatter({
          title: 'Residual against SNR',
          description: 'Near 1 when the picture explains what was received, as well as noise allows.',
          unit: 'short',
          ...againstSnr,
          y: [{ expr: mean(RESIDUAL, ['decoder']), legend: '{{decoder}}' }],
        }),
        scatter({
          title: 'Latency against SNR',
          description: 'Mean, end to end. A sampler that takes more steps in noise shows here.',
          unit: 's',
          ...againstSnr,
          y: [{ expr: mean(END_TO_END, ['decoder']), legend: '{{decoder}}' }],
        }),
      ],
    },
    {
      title: 'Over time',
      panels: [
        curves({
          title: 'SNR',
          description: 'Configured, measured, and effective after equalisation or estimated without channel state.',
          unit: 'dB',
          fitted: true,
          queries: [{ expr: 'avg by (kind) (semcast_snr_db{job="receiver"})', legend: '{{kind}}' }],
        }),
        ...METRICS.map(({ label, unit, histogram, higherIsBetter, previews }) => {
          const poor = higherIsBetter ? 10 : 90;
          return curves({
            title: label,
            description: `Mean and median; nine in ten pictures are better than p${poor}${previews ? '; the mean of previews' : ''}.`,
            unit,
            fitted: true,
            queries: [
              { expr: mean(histogram, ['decoder']), legend: '{{decoder}}, mean' },
              { expr: quantile(0.5, histogram, ['decoder']), legend: '{{decoder}}, p50' },
              { expr: quantile(poor / 100, histogram, ['decoder']), legend: `{{decoder}}, p${poor}` },
              ...(previews ? [{ expr: PREVIEW_PSNR, legend: 'preview of {{decoder}}, mean' }] : []),
            ],
          });
        }),
        curves({
          title: 'Residual',
          description: 'Mean, and what one in twenty exceeds.',
          unit: 'short',
          queries: [
            { expr: mean(RESIDUAL, ['decoder']), legend: '{{decoder}}, mean' },
            { expr: quantile(0.95, RESIDUAL, ['decoder']), legend: '{{decoder}}, p95' },
          ],
        }),
        ...METRICS.map(({ label, unit, histogram }) =>
          distribution({ title: label, description: 'Its distribution.', unit, expr: buckets(histogram) }),
        ),
      ],
    },
  ],
});
