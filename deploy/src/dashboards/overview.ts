import { createDashboard } from '../dashboard.js';
import { curves, figure, quantiles } from '../panels.js';
import { mean, quantile, rate } from '../promql.js';

const COMPLETED = 'semcast_frames_total{stage="transmitter",outcome="completed"}';
const PREVIEW_LATENCY = 'semcast_frame_latency_seconds{job="transmitter",stage="preview"}';
const ENDED = 'semcast_frames_total{stage="transmitter"}';

export const overview = createDashboard({
  uid: 'semcast-overview',
  title: 'overview',
  description: 'Is everything up, how many frames get through, how good are they, how long do they take.',
  sections: [
    {
      title: 'Now',
      panels: [
        figure({
          title: 'Services up',
          description: 'Transmitters, channels and receivers that answer Prometheus. Three is the least that works.',
          unit: 'short',
          expr: 'sum(up{job=~"transmitter|channel|receiver"})',
          base: 'red',
          steps: [[3, 'green']],
        }),
        figure({
          title: 'Streams linked',
          description: 'Transmitters that have their link to the channel.',
          unit: 'short',
          expr: 'sum(semcast_sessions{job="transmitter"})',
          base: 'red',
          steps: [[1, 'green']],
        }),
        figure({
          title: 'Frames completed',
          description: 'Frames a second that came back with their final picture.',
          unit: 'frames/s',
          expr: rate(COMPLETED),
        }),
        figure({
          title: 'Dropped',
          description: 'Share of all frames that ended without a picture, whatever the reason.',
          unit: 'percentunit',
          expr: `(${rate('semcast_frames_total{stage="transmitter",outcome="dropped"}')} or vector(0)) / ${rate(ENDED)}`,
          steps: [
            [0.01, 'yellow'],
            [0.05, 'red'],
          ],
        }),
        figure({
          title: 'Channel SNR',
          description: 'As the channel is set for the newest frame.',
          unit: 'dB',
          expr: 'avg(semcast_snr_db{job="channel",kind="configured"})',
          base: 'blue',
        }),
        figure({
          title: 'PSNR',
          description: 'Mean of the final pictures against their originals.',
          unit: 'dB',
          expr: mean('semcast_reconstruction_psnr_db'),
          base: 'red',
          steps: [
            [20, 'yellow'],
            [25, 'green'],
          ],
        }),
        figure({
          title: 'End to end, p95',
          description: 'From reading a photograph to its final picture, there and back.',
          unit: 's',
          expr: quantile(0.95, 'semcast_end_to_end_latency_seconds'),
          steps: [
            [2, 'yellow'],
            [10, 'red'],
          ],
        }),
        figure({
          title: 'Alerts firing',
          description: 'The names are below.',
          unit: 'short',
          expr: 'count(ALERTS{alertstate="firing",alertname=~"Semcast.+"}) or vector(0)',
          steps: [[1, 'red']],
        }),
      ],
    },
    {
      title: 'Frames',
      panels: [
        curves({
          title: 'Frames by service and outcome',
          description:
            'Frames a second that left each service. What the transmitter completes is what the channel forwards less what is dropped behind it.',
          unit: 'frames/s',
          queries: [{ expr: rate('semcast_frames_total', ['stage', 'outcome']), legend: '{{stage}}, {{outcome}}' }],
        }),
        curves({
          title: 'Drops by reason',
          description:
            'Counted where the drop is decided, so each frame once. Empty as long as nothing is dropped. A lost picture of a digital link is no drop, but a result.',
          unit: 'frames/s',
          stacked: true,
          queries: [
            { expr: rate('semcast_dropped_frames_total', ['job', 'reason']), legend: '{{reason}} ({{job}})' },
            {
              expr: rate('semcast_lost_pictures_total', ['decoder', 'reason']),
              legend: '{{decoder}} lost: {{reason}}',
            },
          ],
        }),
        curves({
          title: 'End-to-end latency',
          description:
            'Until the final picture and, where a decoder refines, until the preview: there and back, on the clock of the transmitter.',
          unit: 's',
          queries: [
            ...quantiles([0.5, 0.95, 0.99], 'semcast_end_to_end_latency_seconds', '{{decoder}}', ['decoder']),
            { expr: quantile(0.95, PREVIEW_LATENCY), legend: 'preview, p95' },
          ],
        }),
        curves({
          title: 'Frames that wait for a decoder',
          description: 'A queue that is never empty is a receiver that is saturated.',
          unit: 'short',
          queries: [{ expr: 'sum by (instance) (semcast_scheduler_queue_depth)', legend: '{{instance}}' }],
        }),
      ],
    },
    {
      title: 'Pictures',
      panels: [
        curves({
          title: 'SNR',
          description:
            'As configured; as the noise of the newest frame turned out; as the receiver has it after equalisation, or estimates it.',
          unit: 'dB',
          fitted: true,
          queries: [{ expr: 'avg by (kind) (semcast_snr_db{job="receiver"})', legend: '{{kind}}' }],
        }),
        curves({
          title: 'PSNR',
          description:
            'Of final pictures against their originals: the mean, and what nine in ten exceed; and the mean of previews. A refined picture looks more like a photograph and has a little less PSNR than its preview.',
          unit: 'dB',
          fitted: true,
          queries: [
            { expr: mean('semcast_reconstruction_psnr_db', ['decoder']), legend: '{{decoder}}, mean' },
            { expr: quantile(0.1, 'semcast_reconstruction_psnr_db', ['decoder']), legend: '{{decoder}}, p10' },
            { expr: mean('semcast_preview_psnr_db', ['decoder']), legend: 'preview of {{decoder}}, mean' },
          ],
        }),
        curves({
          title: 'Measurement residual',
          description:
            'Mean |y - h·E(x)|² over the noise variance: near 1 when the picture explains what was received.',
          unit: 'short',
          queries: [{ expr: mean('semcast_measurement_residual_ratio', ['decoder']), legend: '{{decoder}}' }],
        }),
        curves({
          title: 'On the wire',
          description: 'Bytes a second of whole messages, by service and direction.',
          unit: 'Bps',
          queries: [{ expr: rate('semcast_wire_bytes_total', ['job', 'direction']), legend: '{{job}}, {{direction}}' }],
        }),
        curves({
          title: 'Alerts firing',
          description: 'Empty is good. Their descriptions are in Prometheus, under Alerts.',
          unit: 'short',
          stacked: true,
          queries: [
            {
              expr: 'count by (alertname) (ALERTS{alertstate="firing",alertname=~"Semcast.+"})',
              legend: '{{alertname}}',
            },
          ],
        }),
        curves({
          title: 'Events',
          description:
            'Notable moments a second: changes, drops, links that come and go. The log line of each has it as event.',
          unit: 'short',
          stacked: true,
          queries: [{ expr: rate('semcast_events_total', ['job', 'event']), legend: '{{event}} ({{job}})' }],
        }),
        curves({
          title: 'Processor',
          description: 'Cores that each service keeps busy.',
          unit: 'short',
          queries: [
            {
              expr: rate('process_cpu_seconds_total{job=~"transmitter|channel|receiver"}', ['job', 'instance']),
              legend: '{{job}} {{instance}}',
            },
          ],
        }),
      ],
    },
  ],
});
