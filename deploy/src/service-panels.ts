/** Panels that several dashboards have, each of its own service. */
import { curves, figure, quantiles, type PlaceablePanel } from './panels.js';
import { rate } from './promql.js';

type Job = 'transmitter' | 'channel' | 'receiver';

export function memory(job: Job, description: string): PlaceablePanel {
  const expr = `sum by (instance) (process_resident_memory_bytes{job="${job}"})`;
  return curves({ title: 'Memory', description, unit: 'bytes', queries: [{ expr, legend: '{{instance}}' }] });
}

export function eventLoop(job: Job, description: string): PlaceablePanel {
  const expr = `max by (instance) (nodejs_eventloop_lag_p99_seconds{job="${job}"})`;
  return curves({ title: 'Event loop', description, unit: 's', queries: [{ expr, legend: '{{instance}}, p99' }] });
}

export function onTheWire(job: Job, description: string): PlaceablePanel {
  const expr = rate(`semcast_wire_bytes_total{job="${job}"}`, ['direction']);
  return curves({ title: 'On the wire', description, unit: 'Bps', queries: [{ expr, legend: '{{direction}}' }] });
}

export function drops(job: Job, title: string, description: string): PlaceablePanel {
  const expr = rate(`semcast_dropped_frames_total{job="${job}"}`, ['reason']);
  return curves({ title, description, unit: 'frames/s', stacked: true, queries: [{ expr, legend: '{{reason}}' }] });
}

export function framesByOutcome(job: Job, description: string): PlaceablePanel {
  const expr = rate(`semcast_frames_total{stage="${job}"}`, ['instance', 'outcome']);
  const queries = [{ expr, legend: '{{instance}}, {{outcome}}' }];
  return curves({ title: 'Frames by outcome', description, unit: 'frames/s', queries });
}

export function slowestFrames(job: Job): PlaceablePanel {
  return curves({
    title: 'Slowest frames, by stage',
    description: 'p95 of each stage.',
    unit: 's',
    queries: quantiles([0.95], `semcast_frame_latency_seconds{job="${job}"}`, '{{stage}}', ['stage']),
  });
}

export function bandwidthRatio(): PlaceablePanel {
  return figure({
    title: 'Bandwidth ratio',
    description: 'Complex channel uses per real image value of the newest frame.',
    unit: 'short',
    decimals: 4,
    expr: 'avg(semcast_channel_bandwidth_ratio)',
  });
}
