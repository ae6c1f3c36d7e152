import { createDashboard } from '../dashboard.js';
import { curves, distribution, figure, quantiles } from '../panels.js';
import { buckets, mean, quantile, rate } from '../promql.js';
import {
  bandwidthRatio,
  drops,
  eventLoop,
  framesByOutcome,
  memory,
  onTheWire,
  slowestFrames,
} from '../service-panels.js';

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
          expr: rate('semcast_frames_total{stage="transmitter",outcome="completed"}'),
        }),
        figure({
          title: 'Dropped',
          description: 'Frames a second that ended without one.',
          unit: 'frames/s',
          expr: `${rate('semcast_frames_total{stage="transmitter",outcome="dropped"}')} or vector(0)`,
          steps: [[0.001, 'red']],
        }),
        figure({
          title: 'End to end, p50',
          description: 'There and back, on the clock of the transmitter.',
          unit: 's',
          expr: quantile(0.5, END_TO_END),
        }),
        figure({
          title: 'End to end, p99',
          description: 'There and back, on the clock of the transmitter.',
          unit: 's',
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
        bandwidthRatio(),
        figure({
          title: 'Encode, p95',
          description: 'Running the encoder for one photograph, waiting for a thread included.',
          unit: 's',
          expr: quantile(0.95, 'semcast_frame_latency_seconds{stage="encode"}'),
        }),
        figure({
          title: 'Links',
          description: 'Transmitters with a link, of all that are up.',
          unit: 'short',
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
          queries: quantiles([0.5, 0.9, 0.95, 0.99], END_TO_END, '{{decoder}}', ['decoder']),
        }),
        curves({
          title: 'Preview and refined picture',
          description:
            'From reading the photograph to its first picture and to its last one. Where the decoder takes one pass there is no preview.',
          unit: 's',
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
          stacked: true,
          queries: [{ expr: mean('semcast_frame_latency_seconds{job="transmitter"}', ['stage']), legend: '{{stage}}' }],
        }),
        slowestFrames('transmitter'),
      ],
    },
    {
      title: 'Frames',
      panels: [
        framesByOutcome('transmitter', 'Frames a second, by transmitter.'),
        drops(
          'transmitter',
          'Drops decided here',
          'Unreadable photographs, cancelled and given-up frames. The others have theirs on their own pages.',
        ),
        onTheWire('transmitter', 'Out: samples. In: results.'),
        curves({
          title: 'One run of a network',
          description: 'The encoder, and metric bundles where there are any; p95.',
          unit: 's',
          queries: quantiles([0.95], 'semcast_inference_seconds{job="transmitter"}', '{{graph}}', ['graph']),
        }),
        memory('transmitter', 'Resident.'),
        eventLoop('transmitter', 'How late the loop is.'),
      ],
    },
  ],
});
