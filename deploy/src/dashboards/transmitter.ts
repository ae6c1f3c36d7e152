import { createDashboard } from '../dashboard.js';
import { curves, distribution, figure } from '../panels.js';
import { buckets, mean, quantile, rate } from '../promql.js';

const END_TO_END = 'semcast_end_to_end_latency_seconds{decoder=~"$decoder"}';
const PREVIEW = 'semcast_frame_latency_seconds{job="transmitter",stage="preview"}';

export const transmitter = createDashboard({
  uid: 'semcast-transmitter',
  title: 'transmitter',
  description: 'What is sent, what comes back, and how long that takes: the view of who waits for the pictures.',
  byDecoder: true,
  sections: [
    {
      title: 'Now',
      panels: [
        figure({
          title: 'Completed',
          description: 'Frames a second that came back with their final picture.',
          unit: 'frames/s',
          decimals: 2,
          expr: rate('semcast_frames_total{stage="transmitter",outcome="completed"}'),
        }),
        figure({
          title: 'Dropped',
          description: 'Frames a second that ended without one.',
          unit: 'frames/s',
          decimals: 2,
          expr: `${rate('semcast_frames_total{stage="transmitter",outcome="dropped"}')} or vector(0)`,
          steps: [[0.001, 'red']],
        }),
        figure({
          title: 'End to end, p50',
          description: 'There and back, on the clock of the transmitter.',
          unit: 's',
          decimals: 2,
          expr: quantile(0.5, END_TO_END),
        }),
        figure({
          title: 'End to end, p99',
          description: 'There and back, on the clock of the transmitter.',
          unit: 's',
          decimals: 2,
          expr: quantile(0.99, END_TO_END),
        }),
        figure({
          title: 'Within 2 s',
          description: 'Share of frames that came back within two seconds.',
          unit: 'percentunit',
          expr: `${rate('semcast_end_to_end_latency_seconds_bucket{decoder=~"$decoder",le="2"}')} / ${rate('semcast_end_to_end_latency_seconds_count{decoder=~"$decoder"}')}`,
          base: 'red',
          steps: [
            [0.95, 'yellow'],
            [0.99, 'green'],
          ],
        }),
        figure({
          title: 'Bandwidth ratio',
          description: 'Complex channel uses per real image value of the newest frame.',
          unit: 'short',
          decimals: 4,
          expr: 'avg(semcast_channel_bandwidth_ratio)',
        }),
        figure({
          title: 'Encode, p95',
          description: 'Running the encoder for one photograph, waiting for a thread included.',
          unit: 's',
          decimals: 2,
          expr: quantile(0.95, 'semcast_frame_latency_seconds{stage="encode"}'),
        }),
        figure({
          title: 'Links',
          description: 'Transmitters with a link, of all that are up.',
          unit: 'short',
          decimals: 0,
          expr: 'sum(semcast_sessions{job="transmitter"})',
          base: 'red',
          steps: [[1, 'green']],
        }),
      ],
    },
    {
      title: 'Latency',
      panels: [
        curves({
          title: 'End to end',
          description: 'From reading the photograph to its final picture.',
          unit: 's',
          min: 0,
          queries: [0.5, 0.9, 0.95, 0.99].map((share) => ({
            expr: quantile(share, END_TO_END, ['decoder']),
            legend: `{{decoder}}, p${share * 100}`,
          })),
        }),
        curves({
          title: 'Preview and refined picture',
          description:
            'From reading the photograph to its first picture and to its last one. Where the decoder takes one pass there is no preview.',
          unit: 's',
          min: 0,
          queries: [0.5, 0.95].flatMap((share) => [
            { expr: quantile(share, PREVIEW), legend: `preview, p${share * 100}` },
            { expr: quantile(share, END_TO_END), legend: `final, p${share * 100}` },
          ]),
        }),
        distribution({
          title: 'End to end',
          description: 'Its distribution.',
          unit: 's',
          expr: buckets(END_TO_END),
        }),
        curves({
          title: 'Where the time of a frame goes',
          description:
            'Mean time in each stage. send: waiting for a credit. air: from sending to the result, so channel, queue and decoding. record: comparing with the original.',
          unit: 's',
          min: 0,
          stacked: true,
          queries: [{ expr: mean('semcast_frame_latency_seconds{job="transmitter"}', ['stage']), legend: '{{stage}}' }],
        }),
        curves({
          title: 'Slowest frames, by stage',
          description: 'p95 of each stage.',
          unit: 's',
          min: 0,
          queries: [
            {
              expr: quantile(0.95, 'semcast_frame_latency_seconds{job="transmitter"}', ['stage']),
              legend: '{{stage}}, p95',
            },
          ],
        }),
      ],
    },
    {
      title: 'Frames',
      panels: [
        curves({
          title: 'Frames by outcome',
          description: 'Frames a second, by transmitter.',
          unit: 'frames/s',
          min: 0,
          queries: [
            {
              expr: rate('semcast_frames_total{stage="transmitter"}', ['instance', 'outcome']),
              legend: '{{instance}}, {{outcome}}',
            },
          ],
        }),
        curves({
          title: 'Drops decided here',
          description:
            'Unreadable photographs, cancelled and given-up frames. The others have theirs on their own pages.',
          unit: 'frames/s',
          min: 0,
          stacked: true,
          queries: [
            { expr: rate('semcast_dropped_frames_total{job="transmitter"}', ['reason']), legend: '{{reason}}' },
          ],
        }),
        curves({
          title: 'On the wire',
          description: 'Out: samples. In: results.',
          unit: 'Bps',
          min: 0,
          queries: [
            { expr: rate('semcast_wire_bytes_total{job="transmitter"}', ['direction']), legend: '{{direction}}' },
          ],
        }),
        curves({
          title: 'One run of a network',
          description: 'The encoder, and metric bundles where there are any; p95.',
          unit: 's',
          min: 0,
          queries: [
            {
              expr: quantile(0.95, 'semcast_inference_seconds{job="transmitter"}', ['graph']),
              legend: '{{graph}}, p95',
            },
          ],
        }),
        curves({
          title: 'Memory',
          description: 'Resident.',
          unit: 'bytes',
          min: 0,
          queries: [
            { expr: 'sum by (instance) (process_resident_memory_bytes{job="transmitter"})', legend: '{{instance}}' },
          ],
        }),
        curves({
          title: 'Event loop',
          description: 'How late the loop is.',
          unit: 's',
          min: 0,
          queries: [
            {
              expr: 'max by (instance) (nodejs_eventloop_lag_p99_seconds{job="transmitter"})',
              legend: '{{instance}}, p99',
            },
          ],
        }),
      ],
    },
  ],
});
