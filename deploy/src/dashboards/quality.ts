import { createDashboard } from '../dashboard.js';
import { curves, distribution, scatter } from '../panels.js';
import { buckets, mean, quantile, RATE_WINDOW } from '../promql.js';

/** Over the same window as the means that are drawn against it. */
const againstSnr = {
  x: { expr: `avg(avg_over_time(semcast_snr_db{job="channel",kind="configured"}[${RATE_WINDOW}]))`, legend: 'SNR' },
  xUnit: 'dB',
};
const selected = (metric: string): string => `${metric}{decoder=~"$decoder"}`;
const PSNR = selected('semcast_reconstruction_psnr_db');
const PREVIEW_PSNR = selected('semcast_preview_psnr_db');
const SSIM = selected('semcast_reconstruction_ssim');
const MS_SSIM = selected('semcast_reconstruction_ms_ssim');
const RESIDUAL = selected('semcast_measurement_residual_ratio');
const END_TO_END = selected('semcast_end_to_end_latency_seconds');

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
        scatter({
          title: 'PSNR against SNR',
          description:
            'Analogue symbols have no cliff: it rises and falls smoothly. Where a decoder refines, its previews are there too; what it adds looks more like a photograph, and costs a little PSNR.',
          unit: 'dB',
          ...againstSnr,
          y: [
            { expr: mean(PSNR, ['decoder']), legend: '{{decoder}}' },
            { expr: mean(PREVIEW_PSNR, ['decoder']), legend: 'preview of {{decoder}}' },
          ],
        }),
        scatter({
          title: 'MS-SSIM against SNR',
          description: 'Of pictures of at least 176 pixels a side; smaller ones have none.',
          unit: 'short',
          ...againstSnr,
          y: [{ expr: mean(MS_SSIM, ['decoder']), legend: '{{decoder}}' }],
        }),
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
          queries: [{ expr: 'avg by (kind) (semcast_snr_db{job="receiver"})', legend: '{{kind}}' }],
        }),
        curves({
          title: 'PSNR',
          description: 'Mean, and what nine in ten and one in two pictures exceed; the mean of previews.',
          unit: 'dB',
          queries: [
            { expr: mean(PSNR, ['decoder']), legend: '{{decoder}}, mean' },
            { expr: quantile(0.5, PSNR, ['decoder']), legend: '{{decoder}}, p50' },
            { expr: quantile(0.1, PSNR, ['decoder']), legend: '{{decoder}}, p10' },
            { expr: mean(PREVIEW_PSNR, ['decoder']), legend: 'preview of {{decoder}}, mean' },
          ],
        }),
        curves({
          title: 'SSIM and MS-SSIM',
          description: 'Means.',
          unit: 'short',
          max: 1,
          queries: [
            { expr: mean(SSIM, ['decoder']), legend: '{{decoder}}, SSIM' },
            { expr: mean(MS_SSIM, ['decoder']), legend: '{{decoder}}, MS-SSIM' },
          ],
        }),
        curves({
          title: 'Residual',
          description: 'Mean, and what one in twenty exceeds.',
          unit: 'short',
          min: 0,
          queries: [
            { expr: mean(RESIDUAL, ['decoder']), legend: '{{decoder}}, mean' },
            { expr: quantile(0.95, RESIDUAL, ['decoder']), legend: '{{decoder}}, p95' },
          ],
        }),
        distribution({ title: 'PSNR', description: 'Its distribution.', unit: 'dB', expr: buckets(PSNR) }),
        distribution({ title: 'SSIM', description: 'Its distribution.', unit: 'short', expr: buckets(SSIM) }),
      ],
    },
  ],
});
