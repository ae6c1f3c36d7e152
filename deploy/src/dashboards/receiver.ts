import { createDashboard } from '../dashboard.js';
import { curves, distribution, figure, quantiles } from '../panels.js';
import { buckets, mean, quantile, rate } from '../promql.js';
import { drops, eventLoop, framesByOutcome, memory, slowestFrames } from '../service-panels.js';

export const receiver = createDashboard({
  uid: 'semcast-receiver',
  title: 'receiver and GPU',
  description: 'How busy the receiver is, where the time of a frame goes, and what the GPU under it does.',
  sections: [
    {
      title: 'Now',
      panels: [
        figure({
          title: 'Decoded',
          description: 'Frames a second with a final picture.',
          unit: 'frames/s',
          expr: rate('semcast_frames_total{stage="receiver",outcome="completed"}'),
        }),
        figure({
          title: 'Waiting',
          description: 'Frames in the queue. Never empty: the receiver is saturated.',
          unit: 'short',
          expr: 'sum(semcast_scheduler_queue_depth)',
          steps: [
            [8, 'yellow'],
            [32, 'red'],
          ],
        }),
        figure({
          title: 'Wait, p95',
          description: 'Time in the queue.',
          unit: 's',
          expr: quantile(0.95, 'semcast_frame_latency_seconds{stage="queue"}'),
        }),
        figure({
          title: 'Decode, p95',
          description: 'From the start of decoding to the final picture.',
          unit: 's',
          expr: quantile(0.95, 'semcast_frame_latency_seconds{stage="decode"}'),
        }),
        figure({
          title: 'Networks busy',
          description: 'Seconds of inference a second: as many as there are workers is the most.',
          unit: 'short',
          decimals: 2,
          expr: rate('semcast_inference_seconds_sum{job="receiver"}'),
        }),
        figure({
          title: 'Batch size',
          description: 'Frames that share one run of a network, mean. On a GPU, more is cheaper.',
          unit: 'short',
          decimals: 1,
          expr: mean('semcast_scheduler_batch_size'),
        }),
        figure({
          title: 'Guided steps',
          description: 'Steps of posterior sampling a second. The codec alone (jscc) takes none.',
          unit: 'short',
          expr: rate('semcast_sampler_steps_total'),
        }),
        figure({
          title: 'Streams',
          description: 'Open links.',
          unit: 'short',
          expr: 'sum(semcast_sessions{job="receiver"})',
        }),
      ],
    },
    {
      title: 'Load',
      panels: [
        curves({
          title: 'Queue',
          description: 'Frames that wait for a decoder.',
          unit: 'short',
          queries: [{ expr: 'sum by (instance) (semcast_scheduler_queue_depth)', legend: '{{instance}}' }],
        }),
        framesByOutcome('receiver', 'Frames a second that left the receiver.'),
        drops(
          'receiver',
          'Drops by reason',
          'queue-full: senders exceed their credits. deadline: they get less time than decoding takes.',
        ),
        curves({
          title: 'Networks busy',
          description: 'Seconds of inference a second, by network.',
          unit: 'short',
          stacked: true,
          queries: [{ expr: rate('semcast_inference_seconds_sum{job="receiver"}', ['graph']), legend: '{{graph}}' }],
        }),
        distribution({
          title: 'Batch size',
          description: 'Frames that shared one run of a network.',
          unit: 'short',
          expr: buckets('semcast_scheduler_batch_size'),
        }),
        curves({
          title: 'Guided steps',
          description: 'A second, by decoder, and for each frame. Under load each gets fewer before any is refused.',
          unit: 'short',
          queries: [
            { expr: rate('semcast_sampler_steps_total', ['decoder']), legend: '{{decoder}}, a second' },
            {
              expr: `${rate('semcast_sampler_steps_total')} / ${rate('semcast_frames_total{stage="receiver",outcome="completed"}')}`,
              legend: 'a frame',
            },
          ],
        }),
      ],
    },
    {
      title: 'Time',
      panels: [
        curves({
          title: 'Where the time of a frame goes',
          description: 'Mean time from arrival to departure: each moment is in exactly one of these stages.',
          unit: 's',
          stacked: true,
          queries: [
            {
              expr: mean('semcast_frame_latency_seconds{job="receiver",stage=~"queue|decode|deliver"}', ['stage']),
              legend: '{{stage}}',
            },
          ],
        }),
        slowestFrames('receiver'),
        curves({
          title: 'One run of a network',
          description: 'Inside ONNX Runtime, p50 and p95 by graph.',
          unit: 's',
          queries: quantiles([0.5, 0.95], 'semcast_inference_seconds{job="receiver"}', '{{graph}}', ['graph']),
        }),
        curves({
          title: 'Preview and refined picture',
          description:
            'From the start of decoding to the first picture, which one pass makes, and to the last one, p50 and p95.',
          unit: 's',
          queries: [
            ['preview', 'preview'],
            ['decode', 'final'],
          ].flatMap(([stage, legend]) =>
            [0.5, 0.95].map((share) => ({
              expr: quantile(share, `semcast_frame_latency_seconds{job="receiver",stage="${stage}"}`),
              legend: `${legend}, p${share * 100}`,
            })),
          ),
        }),
        distribution({
          title: 'Decoding',
          description: 'From the start of decoding to the final picture.',
          unit: 's',
          expr: buckets('semcast_frame_latency_seconds{stage="decode"}'),
        }),
      ],
    },
    {
      title: 'Queue between receivers (--queue nats://…)',
      panels: [
        curves({
          title: 'Frames',
          description: 'Waiting: no worker has begun them yet. Always some: there are too few workers.',
          unit: 'short',
          stacked: true,
          queries: [{ expr: 'sum by (state) (semcast_queue_frames)', legend: '{{state}}' }],
        }),
        curves({
          title: 'Decode workers',
          description: 'With the bundle of the receivers that have the links. None: these are not ready.',
          unit: 'short',
          queries: [{ expr: 'max(semcast_queue_workers)', legend: 'workers' }],
        }),
        curves({
          title: 'Frames that came again',
          description: 'A second: their worker died, handed them back, or was not heard.',
          unit: 'frames/s',
          queries: [{ expr: rate('semcast_queue_redeliveries_total'), legend: 'redelivered' }],
        }),
        curves({
          title: 'Dead letters',
          description: 'Frames a second that were put aside for somebody to look at, by reason.',
          unit: 'frames/s',
          stacked: true,
          queries: [{ expr: rate('semcast_dead_letters_total', ['reason']), legend: '{{reason}}' }],
        }),
      ],
    },
    {
      title: 'Process',
      panels: [
        eventLoop('receiver', 'How late the loop is. Networks run in threads, so this stays small.'),
        memory('receiver', 'Resident. A picture takes 150 to 250 bytes a pixel while it is decoded.'),
      ],
    },
    {
      title: 'GPU (profile gpu: dcgm-exporter)',
      panels: [
        curves({
          title: 'Busy',
          description:
            'Share of the time in which a kernel ran and, where the card reports it, its tensor cores were in use.',
          unit: 'percentunit',
          max: 1,
          queries: [
            { expr: 'avg by (gpu) (DCGM_FI_DEV_GPU_UTIL) / 100', legend: 'GPU {{gpu}}, busy' },
            { expr: 'avg by (gpu) (DCGM_FI_PROF_PIPE_TENSOR_ACTIVE)', legend: 'GPU {{gpu}}, tensor cores' },
          ],
        }),
        curves({
          title: 'Memory',
          description: 'Used and free.',
          unit: 'decmbytes',
          stacked: true,
          queries: [
            { expr: 'sum by (gpu) (DCGM_FI_DEV_FB_USED)', legend: 'GPU {{gpu}}, used' },
            { expr: 'sum by (gpu) (DCGM_FI_DEV_FB_FREE)', legend: 'GPU {{gpu}}, free' },
          ],
        }),
        curves({
          title: 'Power',
          description: 'What the card draws.',
          unit: 'watt',
          queries: [{ expr: 'sum by (gpu) (DCGM_FI_DEV_POWER_USAGE)', legend: 'GPU {{gpu}}' }],
        }),
        curves({
          title: 'Temperature and clock',
          description: 'A clock that falls while the temperature is high is a card that throttles.',
          unit: 'short',
          queries: [
            { expr: 'max by (gpu) (DCGM_FI_DEV_GPU_TEMP)', legend: 'GPU {{gpu}}, °C' },
            { expr: 'avg by (gpu) (DCGM_FI_DEV_SM_CLOCK)', legend: 'GPU {{gpu}}, MHz' },
          ],
        }),
        curves({
          title: 'Frames a kilojoule',
          description: 'Final pictures for the energy that the cards draw meanwhile.',
          unit: 'short',
          queries: [
            {
              expr: `1000 * ${rate('semcast_frames_total{stage="receiver",outcome="completed"}')} / sum(DCGM_FI_DEV_POWER_USAGE)`,
              legend: 'frames/kJ',
            },
          ],
        }),
      ],
    },
  ],
});
