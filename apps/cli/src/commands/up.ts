import { rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { findDefaultBundle, loadBundle, type Bundle } from '@semcast/bundle';
import { channelPresets } from '@semcast/channel-models';
import { DEMO_PHOTOS, DIGITAL_COMPANIONS } from '@semcast/transmitter';
import {
  bundleFlag,
  cbrFlag,
  channelFlag,
  decoderOptionFlags,
  deviceFlag,
  isPreset,
  precisionFlag,
  portBaseFlag,
  seedFlag,
  stepsFlag,
  typedDecoderOptions,
  type ChannelName,
} from '../arguments/common-flags.js';
import type { DecoderOption } from '../arguments/decoder-options.js';
import { toggle, value } from '../arguments/spec.js';
import { integer, port, number, oneOf, snrOrRange, text, type SnrRange } from '../arguments/values.js';
import { typedWaveform, waveformFlags } from '../arguments/waveform-options.js';
import { createCommand } from '../command.js';
import { optionsOfOne } from '../decoders/options.js';
import { decoderNames, defaultDecoder, isSampling, requireDecoder } from '../decoders/registry.js';
import { checkFolder, makeTemporaryFolder } from '../json-output.js';
import { portsFrom } from '../layout.js';
import { timeoutFlag } from '../patience.js';
import { findPhotographs } from '../photographs.js';
import { rateOf } from '../rates.js';
import { checkPorts, type UpSettings } from '../up/boot.js';
import { runUp } from '../up/run-up.js';

const DEFAULT_FPS = 2;
/** What a decoder that samples does in about two seconds on two cores. */
const SAMPLING_SIZE = 256;
const DEFAULT_SWING: SnrRange = { fromDb: 0, toDb: 20 };
const DEFAULT_ONCE_SNR_DB = 10;

export const up = createCommand({
  details:
    'Starts receiver, channel and transmitter as processes of their own on loopback sockets, and streams photographs ' +
    'until Ctrl-C. Without --snr the SNR swings slowly between 20 and 0 dB, so that one sees pictures soften instead ' +
    'of break; a preset of --channel has an SNR of its own.',
  flags: {
    once: toggle(`one pass over the photographs, at ${DEFAULT_ONCE_SNR_DB} dB unless --snr says otherwise, then end`),
    timeout: timeoutFlag('with --once: give up when nothing has come for so long'),
    images: value('DIR', text, 'your own photographs (the nine that come with semcast)'),
    snr: value('DB', snrOrRange, 'SNR in dB per complex symbol: 10, or 0..20 for a slow swing'),
    cbr: cbrFlag,
    size: value(
      'N',
      integer({ max: 16_384 }),
      `short side resized to N, centre-cropped to N×N; 0: own size (0; ${SAMPLING_SIZE} where the decoder samples)`,
    ),
    fps: value(
      'X',
      number({ min: 0, max: 1000 }),
      `photographs per second; 0: as fast as they get through (${DEFAULT_FPS}; 0 with --once)`,
    ),
    channel: channelFlag,
    ...waveformFlags,
    decoder: value('NAME', oneOf(decoderNames), `decoder: ${decoderNames.join(', ')} (the best that the bundle has)`),
    steps: stepsFlag,
    ...decoderOptionFlags,
    digital: value(
      'NAME',
      oneOf(DIGITAL_COMPANIONS),
      'while the console is open, photographs go by the digital link, too: fixed: for an SNR of 10 dB; adaptive: for the one measured last; off',
      'fixed',
    ),
    seed: seedFlag('noise and fading'),
    device: deviceFlag(),
    precision: precisionFlag,
    bundle: bundleFlag(),
    out: value('DIR', text, 'where pictures and the log go (a new folder among the temporary files)'),
    'port-base': portBaseFlag('console on N, channel on N+1, receiver on N+2, transmitter on N+3'),
    'console-port': value('N', port, 'port of the console page (N of --port-base)'),
  },
  examples: [
    { line: 'semcast up', does: 'watch nine photographs cross a channel whose SNR swings' },
    { line: 'semcast up --once --snr 3 --cbr 1/48', does: 'one pass through a bad channel, few symbols' },
    {
      line: 'semcast up --images ~/Pictures --size 256 --channel rayleigh-fast',
      does: 'your own photographs, with fading',
    },
  ],
  run: async ({ flags, io, terminal }) => {
    const interruption = io.interruption();
    const bundle = await loadBundle(flags.bundle ?? findDefaultBundle());
    const { decoder, decoderOptions, sampling } = chooseDecoder(bundle, flags);
    const size = flags.size ?? (sampling ? SAMPLING_SIZE : 0);
    const files = await findPhotographs([flags.images ?? DEMO_PHOTOS]);
    const portBase = flags['port-base'];
    const ports = portsFrom(portBase);
    const consolePort = flags['console-port'] ?? portBase;
    await checkPorts(ports, consolePort, portBase);

    const dir = flags.out === undefined ? await makeTemporaryFolder('semcast-up-') : resolve(flags.out);
    await checkFolder(dir);
    const settings: UpSettings = {
      ports,
      consolePort,
      bundle: bundle.dir,
      device: flags.device,
      precision: flags.precision,
      source: resolve(flags.images ?? DEMO_PHOTOS),
      once: flags.once,
      fps: flags.fps ?? (flags.once ? 0 : DEFAULT_FPS),
      size,
      cbr: rateOf(bundle.manifest, flags.cbr),
      digital: flags.digital,
      decoder,
      decoderOptions,
      sampling,
      channel: flags.channel,
      ...typedWaveform(flags),
      snr: flags.snr ?? defaultSnr(flags.channel, flags.once),
      seed: flags.seed,
      receivedDir: join(dir, 'arriving'),
      // Of this run alone: it lets a transmitter that is started again go on where it ended.
      journal: join(await makeTemporaryFolder('semcast-journal-'), 'journal.jsonl'),
    };
    if (sampling && flags.size === undefined) {
      const { dim } = terminal.colours;
      terminal.note(
        `  ${dim(`photographs go at ${size}×${size}, which two cores sample in seconds; --size N changes it`)}`,
      );
    }
    try {
      return await runUp({
        terminal,
        interruption,
        bundle,
        settings,
        dir,
        files,
        timeoutMs: flags.once ? flags.timeout : Infinity,
      });
    } finally {
      terminal.close();
      await rm(dirname(settings.journal), { recursive: true, force: true });
      await rm(settings.receivedDir, { recursive: true, force: true });
    }
  },
});

/** A decoder that takes more steps than this shows pictures on the way, so many in all. */
const QUICK_STEPS = 4;
const SHOWN_STEPS = 8;

/** Refining is seen as it goes, unless somebody has said how. */
function withIntermediates(
  { optionsSchema }: ReturnType<typeof requireDecoder>,
  options: UpSettings['decoderOptions'],
): UpSettings['decoderOptions'] {
  const { steps } = optionsSchema.parse(options ?? {}) as { readonly steps?: number };
  return steps === undefined || steps <= QUICK_STEPS || !('intermediates' in optionsSchema.shape)
    ? options
    : { intermediates: Math.ceil(steps / SHOWN_STEPS), ...options };
}

/** The SNR where none is asked for. */
function defaultSnr(channel: ChannelName, once: boolean): number | SnrRange {
  return isPreset(channel) ? channelPresets[channel].snr.snrDb : once ? DEFAULT_ONCE_SNR_DB : DEFAULT_SWING;
}

/**
 * The decoder that is asked for, or the best that the bundle has, and its options.
 *
 * @throws UsageError when the bundle can't serve it, or an option is wrong
 */
function chooseDecoder(
  bundle: Bundle,
  flags: {
    readonly decoder: string | undefined;
    readonly steps: number | undefined;
    readonly 'decoder-option': readonly DecoderOption[];
    readonly preset: string | undefined;
  },
): Pick<UpSettings, 'decoder' | 'decoderOptions' | 'sampling'> {
  const name = flags.decoder ?? defaultDecoder(bundle);
  const decoder = requireDecoder(name, bundle);
  const decoderOptions = optionsOfOne(decoder, typedDecoderOptions(flags), flags.steps);
  return { decoder: name, decoderOptions: withIntermediates(decoder, decoderOptions), sampling: isSampling(decoder) };
}
