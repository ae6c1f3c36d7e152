import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Device, Precision } from '@semcast/bundle';
import { MAX_MIN_STEPS } from '@semcast/receiver';
import type { FlagInput } from '../arguments/flag-list.js';
import { makeTemporaryFolder } from '../json-output.js';
import { findFreePorts } from '../processes/ports.js';
import { semcastService } from '../processes/service-process.js';
import { createSupervisor } from '../processes/supervisor.js';
import type { SweepGroup } from './plan.js';

export interface SweepServicesOptions {
  readonly bundle: string;
  readonly device: Device;
  readonly precision: Precision;
  /** Flags of `semcast channel`: the model and its options. */
  readonly channelFlags: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly groups: readonly SweepGroup[];
  readonly signal: AbortSignal;
  readonly onLine: (service: string, line: string) => void;
  readonly onCaution: (text: string) => void;
}

/** A receiver and a channel of a sweep's own. */
export interface SweepServices {
  /** Where the transmitter connects to. */
  readonly channelUrl: string;
  /** Rejects when a service had to be given up. */
  readonly lost: Promise<never>;
  stop(): Promise<void>;
}

/**
 * The SNR of every frame as a trace. It is part of the channel's configuration, not a command sent while frames flow,
 * so that a channel that had to be started again in mid-sweep is the same channel.
 */
export function snrTrace(groups: readonly SweepGroup[]): string {
  const snrDbAt = new Map(groups.flatMap(({ snrDb, cases }) => cases.map(({ frame }) => [frame, snrDb] as const)));
  const rows = [...snrDbAt].sort(([a], [b]) => a - b);
  const changes = rows.filter(([, snrDb], i) => i === 0 || rows[i - 1]![1] !== snrDb);
  return ['frame,snr_db', ...changes.map((row) => row.join())].join('\n');
}

/** Start receiver and channel as processes on free ports. */
export async function startSweepServices(options: SweepServicesOptions): Promise<SweepServices> {
  const [receiverPort, channelPort] = (await findFreePorts(2)) as [number, number];
  const dir = await makeTemporaryFolder('semcast-sweep-');
  const trace = join(dir, 'snr.csv');
  await writeFile(trace, snrTrace(options.groups));
  const supervisor = createSupervisor({
    onLine: options.onLine,
    onLost: options.onCaution,
    onRecovered: (service) => options.onCaution(`the ${service} is back; frames that were under way are sent again`),
  });
  const stop = async (): Promise<void> => {
    await supervisor.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const start = async (name: string, port: number, flags: Readonly<Record<string, FlagInput>>) =>
      await supervisor.start(semcastService(name, port, { 'log-level': 'warn', ...flags }), { signal: options.signal });
    await Promise.all([
      start('receiver', receiverPort, {
        bundle: options.bundle,
        device: options.device,
        precision: options.precision,
        // Only the sweep sends to it, and a sweep demands its steps.
        'max-min-steps': MAX_MIN_STEPS,
        'max-backlog-ms': 86_400_000,
        // A row has its residual.
        'residual-first': true,
      }),
      start('channel', channelPort, {
        'receiver-url': `ws://127.0.0.1:${receiverPort}`,
        ...options.channelFlags,
        'channel.seed': options.seed,
        'trace-file': trace,
      }),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { channelUrl: `ws://127.0.0.1:${channelPort}`, lost: supervisor.lost, stop };
}
