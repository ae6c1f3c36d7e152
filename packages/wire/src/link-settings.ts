import { z } from 'zod';
import { DEFAULT_MAX_PAYLOAD_BYTES } from './limits.js';

/** Settings of a server of links, the same for every service. */
export const linkSettings = {
  maxPayloadBytes: z
    .int()
    .min(1024)
    .max(2 ** 31 - 1)
    .default(DEFAULT_MAX_PAYLOAD_BYTES)
    .describe('longest payload of a message, in bytes'),
  maxUnfinishedBytes: z
    .int()
    .min(1024)
    .max(2 ** 40)
    .default(2 * DEFAULT_MAX_PAYLOAD_BYTES)
    .describe('bytes of incomplete messages of all links; beyond, the link with most is closed, to come again'),
  maxUnreadBytes: z
    .int()
    .min(1024)
    .max(2 ** 40)
    .default(2 ** 30)
    .describe(
      'bytes of results that wait for all clients; beyond, the link with most that its client has not read is closed, to come again, and results kept for streams without a link are forgotten. A channel drops frames beyond as many bytes that wait for its receiver',
    ),
  helloTimeoutMs: z.int().min(10).max(600_000).default(5000).describe('longest wait for the greeting of a new link'),
  pingIntervalMs: z.int().min(10).max(3_600_000).default(15_000).describe('how often a silent peer is probed'),
};
