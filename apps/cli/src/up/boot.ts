import { availableParallelism } from 'node:os';
import type { Precision } from '@semcast/bundle';
import type { ChannelConfig } from '@semcast/channel-models';
import type { DecoderOptions, StreamSettings } from '@semcast/transmitter';
import type { WaveformChoice } from '../arguments/waveform-options.js';
import type { FlagInput } from '../arguments/flag-list.js';
import { channelNameFlag } from '../arguments/common-flags.js';
import { kebabCase } from '../arguments/schema-flags.js';
import type { SnrRange } from '../arguments/values.js';
import { PortBusyError } from '../errors.js';
import { DEFAULT_PORT_BASE, type ServiceName, type ServicePorts } from '../layout.js';
import { findTakenPorts } from '../processes/ports.js';
import { semcastService, type ServiceSpec } from '../processes/service-process.js';

/**
 * Look before anything is started: a port that is taken is named with who wanted it and with the way out.
 *
 * @throws PortBusyError
 */
export async function checkPorts(ports: ServicePorts, consolePort: number, base: number): Promise<void> {
  const taken = await findTakenPorts({ ...ports, console: consolePort });
  if (taken.length > 0) {
    const other = base === DEFAULT_PORT_BASE ? 7500 : DEFAULT_PORT_BASE;
    throw new PortBusyError(taken.map((port) => `port ${port}`).join(', '), {
      remedy: `end the program that listens there (another \`semcast up\`?), or choose other ports: --port-base ${other}`,
    });
  }
}

export interface UpSettings extends WaveformChoice {
  readonly ports: ServicePorts;
  /** 0 takes any free one. */
  readonly consolePort: number;
  readonly bundle: string;
  readonly device: 'cpu' | 'cuda';
  readonly precision: Precision;
  readonly source: string;
  readonly once: boolean;
  readonly fps: number;
  readonly size: number;
  readonly cbr: string;
  readonly digital: StreamSettings['digital'];
  readonly decoder: string;
  readonly decoderOptions: DecoderOptions | undefined;
  /** Whether the decoder samples, so that there are previews to be kept. */
  readonly sampling: boolean;
  /** A model's or a preset's name. */
  readonly channel: string;
  readonly snr: number | SnrRange;
  readonly seed: number;
  /** Where the transmitter puts received pictures and its journal. */
  readonly receivedDir: string;
  readonly journal: string;
}

/** Frames of one swing of the SNR; shares no factor with nine photographs, so each is seen at every SNR. */
const SWING_FRAMES = 40;

function snrFlags(snr: number | SnrRange): Readonly<Record<string, FlagInput>> {
  if (typeof snr === 'number') {
    return { 'channel.snr.name': 'constant', 'channel.snr.snr-db': snr };
  }
  return {
    'channel.snr.name': 'sine',
    'channel.snr.mean-db': (snr.fromDb + snr.toDb) / 2,
    'channel.snr.amplitude-db': (snr.toDb - snr.fromDb) / 2,
    'channel.snr.period-frames': SWING_FRAMES,
    // It begins at the top: first a good picture, then what noise does to it.
    'channel.snr.phase-rad': Math.PI / 2,
  };
}

/** Settings that were changed while frames flowed, in the console or otherwise; undefined for those of the start. */
export interface SettingsInForce {
  readonly channel?: ChannelConfig;
  /** A trace in force as a file: its text is too long for a command line. */
  readonly traceFile?: string;
  readonly transmitter?: StreamSettings;
}

const dotted = (prefix: string, options: object): Record<string, FlagInput> =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [`${prefix}.${kebabCase(name)}`, value as FlagInput]),
  );

function channelFlags(
  { channel: name, seed, snr }: UpSettings,
  { channel, traceFile }: SettingsInForce,
): Readonly<Record<string, FlagInput>> {
  if (channel === undefined) {
    return { ...channelNameFlag(name), 'channel.seed': seed, ...snrFlags(snr) };
  }
  return {
    ...dotted('channel.model', channel.model),
    ...(channel.snr.name === 'trace'
      ? { 'trace-file': traceFile, 'trace-loop': channel.snr.loop }
      : dotted('channel.snr', channel.snr)),
    'channel.loss': channel.loss,
    'channel.seed': channel.seed,
    'channel.noise-reference': channel.noiseReference,
    'channel.sample-rate-hz': channel.sampleRateHz,
    'channel.impairments': JSON.stringify(channel.impairments),
  };
}

/** Enough to keep every core busy; more would only wait in a queue and make each frame's latency look bad. */
const MAX_IN_FLIGHT = 4;

/** Of frames that are sampled on a CPU, one a core is enough: the way there and back counts for nothing. */
function framesInFlight({ sampling, device }: UpSettings): number {
  return sampling && device === 'cpu' ? Math.min(MAX_IN_FLIGHT, availableParallelism()) : MAX_IN_FLIGHT;
}

/** The three services' command lines: at the start, or with what was set since. */
export function serviceSpecs(settings: UpSettings, inForce: SettingsInForce = {}): Record<ServiceName, ServiceSpec> {
  const { ports, csi } = settings;
  const { decoder, decoderOptions, cbr, waveform, waveformOptions, digital, fps, latest, paused } =
    inForce.transmitter ?? {
      ...settings,
      // A change in the console is seen at once.
      latest: !settings.once,
      paused: undefined,
    };
  const spec = (name: ServiceName, flags: Readonly<Record<string, FlagInput>>): ServiceSpec =>
    semcastService(name, ports[name], flags);
  return {
    receiver: spec('receiver', {
      bundle: settings.bundle,
      device: settings.device,
      precision: settings.precision,
      // That of this command is there when the receiver isn't.
      'console.enabled': false,
    }),
    channel: spec('channel', {
      'receiver-url': `ws://127.0.0.1:${ports.receiver}`,
      ...channelFlags(settings, inForce),
    }),
    transmitter: spec('transmitter', {
      to: `ws://127.0.0.1:${ports.channel}`,
      bundle: settings.bundle,
      source: settings.source,
      loop: !settings.once,
      fps,
      latest,
      paused,
      size: settings.size,
      'max-in-flight': framesInFlight(settings),
      // Ctrl-C ends at once, without waiting for frames under way.
      'drain-ms': 0,
      cbr,
      digital,
      decoder,
      'decoder-options': decoderOptions === undefined ? undefined : JSON.stringify(decoderOptions),
      waveform,
      'waveform-options': waveformOptions === undefined ? undefined : JSON.stringify(waveformOptions),
      csi,
      'output-previews': settings.sampling,
      // A name of its own, because noise is drawn by stream: two runs with one seed look the same.
      stream: 'demo',
      'output-dir': settings.receivedDir,
      journal: settings.journal,
    }),
  };
}
