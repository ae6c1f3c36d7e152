import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { channel } from './channel.js';
import { overview } from './overview.js';
import { quality } from './quality.js';
import { receiver } from './receiver.js';
import { transmitter } from './transmitter.js';

/** Every dashboard, by the name of its file. Being here gives it its JSON, and all checks. */
export const dashboards = {
  overview,
  transmitter,
  channel,
  receiver,
  quality,
} as const satisfies Record<string, Dashboard>;
