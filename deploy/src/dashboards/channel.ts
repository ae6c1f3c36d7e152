import { createDashboard } from '../dashboard.js';
import { curves, distribution, figure } from '../panels.js';
import { buckets, quantile, rate } from '../promql.js';
import { bandwidthRatio, drops, eventLoop, memory, onTheWire } from '../service-panels.js';

export const channel = createDashboard({
  uid: 'semcast-channel',
  title: 'channel',
  description: 'What the radio channel does to the frames: SNR, losses, and the time that it takes.',
  sections: [
    {
      title: 'Now',
      panels: [
        figure({
          title: 'SNR configured',
          description: 'For the newest frame; PUT /channel changes it.',
          unit: 'dB',
          expr: 'avg(semcast_snr_db{job="channel",kind="configured"})',
          base: 'blue',
        }),
        figure({
          title: 'SNR measured',
          description: 'Power of the faded signal over that of the noise that was drawn, newest frame.',
          unit: 'dB',
          expr: 'avg(semcast_snr_db{job="channel",kind="measured"})',
          base: 'blue',
        }),
        figure({
          title: 'Channel uses',
          description: 'Complex samples a second.',
          unit: 'short',
          expr: rate('semcast_channel_uses_total'),
        }),
        bandwidthRatio(),
        figure({
          title: 'Forwarded',
          description: 'Frames a second on to the receiver.',
          unit: 'frames/s',
          expr: rate('semcast_frames_total{stage="channel",outcome="forwarded"}'),
        }),
        figure({
          title: 'Lost',
          description: 'Share of frames that the channel dropped: configured losses and invalid frames.',
          unit: 'percentunit',
          expr: `(${rate('semcast_frames_total{stage="channel",outcome="dropped"}')} or vector(0)) / ${rate('semcast_frames_total{stage="channel"}')}`,
        }),
        figure({
          title: 'Streams',
          description: 'Transmitters linked through this channel.',
          unit: 'short',
          expr: 'sum(semcast_sessions{job="channel"})',
        }),
        figure({
          title: 'Time in the channel, p95',
          description: 'Unpacking, fading, noise and sending on, in the event loop.',
          unit: 's',
          expr: quantile(0.95, 'semcast_frame_latency_seconds{stage="channel"}'),
        }),
      ],
    },
    {
      title: 'Signal',
      panels: [
        curves({
          title: 'SNR, as each service sees it',
          description:
            'Configured and measured at the channel; at the receiver effective, after equalisation, or estimated without channel state. Under fading they part.',
          unit: 'dB',
          fitted: true,
          queries: [
            { expr: 'avg by (kind) (semcast_snr_db{job="channel"})', legend: 'channel, {{kind}}' },
            {
              expr: 'avg by (kind) (semcast_snr_db{job="receiver",kind=~"effective|estimated"})',
              legend: 'receiver, {{kind}}',
            },
          ],
        }),
        curves({
          title: 'At the receiver, less configured',
          description:
            'The SNR after equalisation, or as the receiver estimates it without channel state, less what the channel was set to.',
          unit: 'dB',
          fitted: true,
          queries: [
            {
              expr: 'avg by (kind) (semcast_snr_db{job="receiver",kind=~"effective|estimated"}) - on () group_left () avg(semcast_snr_db{job="channel",kind="configured"})',
              legend: '{{kind}} − configured',
            },
          ],
        }),
        curves({
          title: 'Channel uses',
          description: 'Complex samples a second, pilots and cyclic prefixes included.',
          unit: 'short',
          queries: [{ expr: rate('semcast_channel_uses_total', ['instance']), legend: '{{instance}}' }],
        }),
        curves({
          title: 'Bandwidth ratio',
          description: 'Complex channel uses per real image value, newest frame of each transmitter.',
          unit: 'short',
          queries: [{ expr: 'avg by (instance) (semcast_channel_bandwidth_ratio)', legend: '{{instance}}' }],
        }),
      ],
    },
    {
      title: 'Service',
      panels: [
        curves({
          title: 'Frames by outcome',
          description: 'Frames a second that left the channel.',
          unit: 'frames/s',
          queries: [{ expr: rate('semcast_frames_total{stage="channel"}', ['outcome']), legend: '{{outcome}}' }],
        }),
        drops(
          'channel',
          'Drops by reason',
          'channel-loss is what the channel was asked for; anything else is a fault of the sender.',
        ),
        distribution({
          title: 'Time in the channel',
          description: 'One frame from its arrival to its departure.',
          unit: 's',
          expr: buckets('semcast_frame_latency_seconds{stage="channel"}'),
        }),
        onTheWire('channel', 'Samples come in and go out, results the other way: both directions carry both.'),
        eventLoop('channel', 'How late the loop is. The channel computes in it: large frames hold small ones up.'),
        memory('channel', 'Resident. A channel holds no frames, so it stays flat.'),
      ],
    },
  ],
});
