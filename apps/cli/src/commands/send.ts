import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findDefaultBundle, loadBundle } from '@semcast/bundle';
import { describeError } from '@semcast/core';
import { createLogger } from '@semcast/service';
import {
  createTransmitter,
  summariseOutcome,
  summarisePreview,
  type OutcomeSummary,
  type TransmitterService,
} from '@semcast/transmitter';
import {
  bundleFlag,
  cbrFlag,
  csiFlag,
  decoderOptionFlags,
  deviceFlag,
  jsonFlag,
  sizeFlag,
  stepsFlag,
  typedDecoderOptions,
} from '../arguments/common-flags.js';
import { value } from '../arguments/spec.js';
import { integer, snrDb, text, webSocketUrl } from '../arguments/values.js';
import { typedWaveform, waveformFlags } from '../arguments/waveform-options.js';
import { createCommand } from '../command.js';
import { optionsOfNamed } from '../decoders/options.js';
import { findDecoder, isSampling } from '../decoders/registry.js';
import { InterruptedError, NoLinkError, TimeoutError, UsageError } from '../errors.js';
import { EXIT_CODES } from '../exit-codes.js';
import { checkFolder, checkWritable, writeJson } from '../json-output.js';
import { startPatience, timeoutFlag } from '../patience.js';
import { findPhotographs } from '../photographs.js';
import { rateOf } from '../rates.js';
import type { Terminal } from '../terminal/terminal.js';
import { printable } from '../terminal/width.js';
import { readToken } from '../token.js';
import { StreamView } from '../up/stream-view.js';

export const SEND_SCHEMA = 'semcast.send/1';

const DEFAULT_TO = 'ws://127.0.0.1:7401';
const FRAMES_IN_FLIGHT = 4;
const POLL_MS = 50;

export const send = createCommand({
  details:
    'Encodes photographs, sends them through a channel to its receiver, and shows how well they came back. The shared ' +
    'secret of a channel that wants one is read from the environment: SEMCAST_TRANSMITTER_TOKEN.',
  positionals: { name: 'PATH', summary: 'image files, and folders of them' },
  flags: {
    to: value('URL', webSocketUrl, 'address of the channel', DEFAULT_TO),
    decoder: value('NAME', text, 'decoder of the receiver', 'jscc'),
    steps: stepsFlag,
    ...decoderOptionFlags,
    cbr: cbrFlag,
    size: sizeFlag(0),
    'design-snr': value('DB', snrDb, 'SNR that the encoder prepares for (what the receiver measured last)'),
    csi: csiFlag,
    ...waveformFlags,
    out: value('DIR', text, 'write received pictures there, and their previews'),
    bundle: bundleFlag('model bundle; the receiver must have the same'),
    device: deviceFlag('where the encoder runs'),
    wait: value('S', integer({ max: 86_400 }), 'seconds to wait for the channel', 10),
    timeout: timeoutFlag(),
    json: jsonFlag('what became of each photograph'),
  },
  examples: [
    {
      line: 'semcast send photo.jpg --to ws://127.0.0.1:7401 --out received',
      does: 'one photograph, and what came back',
    },
    {
      line: 'semcast send photo.jpg --decoder conditional --steps 8 --decoder-option guidanceScale=1.5',
      does: 'decoded by sampling: a preview first, then the refined picture',
    },
    {
      line: 'semcast send holiday --cbr 1/48 --size 256 --json - | jq .frames[].psnrDb',
      does: 'a folder, figures to another program',
    },
  ],
  run: async ({ flags, positionals, io, terminal }) => {
    if (positionals.length === 0) {
      throw new UsageError('there is nothing to send', { remedy: 'name photographs: semcast send PATH…' });
    }
    const { to, decoder } = flags;
    const decoderOptions = optionsOfNamed(decoder, typedDecoderOptions(flags), flags.steps);
    const files = await findPhotographs(positionals);
    if (flags.json !== undefined) {
      await checkWritable(flags.json);
    }
    if (flags.out !== undefined) {
      await checkFolder(resolve(flags.out));
    }
    const { colours } = terminal;
    const interruption = io.interruption();
    const bundle = await loadBundle(flags.bundle ?? findDefaultBundle());
    const token = readToken(undefined, io.env);

    terminal.setLive({ render: () => `  ${colours.dim('loading the encoder …')}` });
    const outcomes: OutcomeSummary[] = [];
    const patience = startPatience({
      terminal,
      timeoutMs: flags.timeout,
      waitingFor: () => whatIsMissing(service, to),
    });
    const ending = AbortSignal.any([interruption, patience.signal]);
    let service: TransmitterService | undefined;
    const known = findDecoder(decoder);
    // Of a decoder that this release doesn't know it may be that it samples.
    const sampling = known === undefined || isSampling(known);
    const view = new StreamView({ terminal, expected: files.length, sampling });
    try {
      service = await createTransmitter(
        {
          to,
          source: [],
          port: 0,
          ...(token === undefined ? {} : { token }),
          decoder,
          ...(decoderOptions === undefined ? {} : { decoderOptions: { ...decoderOptions } }),
          cbr: rateOf(bundle.manifest, flags.cbr),
          size: flags.size,
          ...(flags['design-snr'] === undefined ? {} : { designCsnrDb: flags['design-snr'] }),
          ...typedWaveform(flags, flags.csi),
          ...(flags.out === undefined ? {} : { outputDir: resolve(flags.out), outputPreviews: true }),
          bundle: bundle.dir,
          device: flags.device,
          maxInFlight: FRAMES_IN_FLIGHT,
          keepPictures: 0,
          drainMs: 0,
        },
        // The live line tells of the link, outcomes tell of the frames, and `failed` of everything else.
        { logger: createLogger({ service: 'transmitter', level: 'silent' }) },
      );
      patience.progress();
      await untilLinked(service, to, flags.wait, terminal, ending);
      patience.progress();
      service.on('preview', patience.progress);
      service.on('outcome', patience.progress);
      terminal.setLive(view);
      outcomes.push(...(await sendAll(service, files, view, ending)));
    } finally {
      patience.stop();
      terminal.setLive(null);
      await service?.close();
    }

    if (outcomes.length > 0) {
      view.footer();
      if (flags.out !== undefined) {
        terminal.note(`  ${colours.dim('pictures')}  ${colours.cyan(resolve(flags.out))}`);
      }
    }
    if (flags.json !== undefined) {
      await writeJson(flags.json, { schema: SEND_SCHEMA, to, frames: outcomes }, io);
    }
    if (interruption.aborted) {
      throw new InterruptedError(`interrupted after ${outcomes.length} of ${files.length} photographs`);
    }
    patience.signal.throwIfAborted();
    return outcomes.every(({ kind }) => kind === 'completed') ? EXIT_CODES.done : EXIT_CODES.failed;
  },
});

/** What is waited for: the encoder, the link, or what comes back. */
function whatIsMissing(service: TransmitterService | undefined, to: string): string {
  if (service === undefined) {
    return 'the encoder to load';
  }
  const { link } = service.status();
  return link.state === 'open'
    ? `pictures from ${to}`
    : `a link to ${to}${link.error === undefined ? '' : `: ${link.error}`}`;
}

/**
 * Wait for the first link, and tell of the attempts.
 *
 * @throws NoLinkError when there is none in time; the server's refusal; InterruptedError; TimeoutError
 */
async function untilLinked(
  service: TransmitterService,
  to: string,
  waitSeconds: number,
  terminal: Terminal,
  ending: AbortSignal,
): Promise<void> {
  let last = '';
  const isOpen = (): boolean => {
    const { state, error } = service.status().link;
    last = error === undefined ? last : printable(error);
    return state === 'open';
  };
  terminal.setLive({
    render: () => {
      isOpen();
      return `  ${terminal.colours.yellow('…')} connecting to ${to} ${terminal.colours.dim(last)}`;
    },
  });
  const waiting = AbortSignal.any([ending, AbortSignal.timeout(waitSeconds * 1000)]);
  try {
    while (!isOpen()) {
      await Promise.race([sleep(POLL_MS, undefined, { signal: waiting }), failure(service)]);
    }
  } catch (error) {
    if (!waiting.aborted) {
      throw error;
    }
    if (!ending.aborted) {
      throw new NoLinkError(`no link to ${to} within ${waitSeconds} s${last === '' ? '' : `: ${last}`}`, {
        remedy: `start channel and receiver (semcast up does), or name another channel: --to ws://HOST:PORT`,
      });
    }
    const reason: unknown = ending.reason;
    throw reason instanceof TimeoutError ? reason : new InterruptedError('interrupted while connecting');
  }
}

/** Rejects when the transmitter can't go on. */
async function failure(service: TransmitterService): Promise<never> {
  throw await service.failed;
}

/** Send so many at a time, in order. Rejects when the transmitter can't go on. */
async function sendAll(
  service: TransmitterService,
  files: readonly string[],
  view: StreamView,
  ending: AbortSignal,
): Promise<OutcomeSummary[]> {
  const outcomes: (OutcomeSummary | undefined)[] = [];
  const remaining = files.entries();
  service.on('preview', (preview) => view.preview(summarisePreview(preview)));
  service.on('state', ({ name, ...state }) => {
    view.setAway(name === 'waiting' && 'error' in state ? describeError(state.error) : null);
  });
  const work = async (): Promise<void> => {
    for (const [index, photo] of remaining) {
      if (ending.aborted) {
        return;
      }
      const outcome = summariseOutcome(await service.submit({ photo, signal: ending }));
      if (ending.aborted && outcome.kind === 'dropped') {
        return;
      }
      outcomes[index] = outcome;
      view.add(outcome);
    }
  };
  await Promise.race([Promise.all(Array.from({ length: FRAMES_IN_FLIGHT }, work)), failure(service)]);
  return outcomes.filter((outcome) => outcome !== undefined);
}
