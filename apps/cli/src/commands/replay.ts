import { join, resolve } from 'node:path';
import { openRecording, RecordingError, type RecordedStream } from '@semcast/channel';
import { describeError } from '@semcast/core';
import { connectLink, type ClientLink, type DropHead, type ResultMessage } from '@semcast/wire';
import sharp from 'sharp';
import { value } from '../arguments/spec.js';
import { integer, text, webSocketUrl } from '../arguments/values.js';
import { createCommand } from '../command.js';
import { InterruptedError, NoLinkError, UsageError } from '../errors.js';
import { EXIT_CODES } from '../exit-codes.js';
import { checkFolder, writeFileWhole } from '../json-output.js';
import { startPatience, timeoutFlag } from '../patience.js';
import { createRowPrinter, type Column } from '../terminal/columns.js';
import { counted, createSpinner, formatMilliseconds } from '../terminal/progress.js';
import type { Terminal } from '../terminal/terminal.js';
import { printable, wrap } from '../terminal/width.js';
import { readToken } from '../token.js';
import { figure } from '../up/frame-columns.js';

const AGENT = 'semcast-replay/0.1.0';
/** Where the frames of each point of a channel were going to. */
const DEFAULT_TO = { input: 'ws://127.0.0.1:7401', output: 'ws://127.0.0.1:7402' } as const;

/** There is no original to compare with, so these are all figures that a receiver tells. */
const COLUMNS: readonly Column<ResultMessage['head']>[] = [
  { title: 'frame', align: 'right', width: 6, cell: ({ frame }) => String(frame) },
  { title: 'size', align: 'right', width: 9, cell: ({ image }) => `${image.width}×${image.height}` },
  { title: 'decoder', width: 12, cell: ({ decoder }) => printable(decoder) },
  { title: 'steps', align: 'right', width: 5, cell: ({ steps }) => String(steps) },
  {
    title: 'SNR dB',
    align: 'right',
    width: 6,
    cell: ({ csnrDb }) => figure(csnrDb.configured ?? csnrDb.estimated, 1),
  },
  { title: 'residual', align: 'right', width: 8, cell: ({ residual }) => figure(residual, 3) },
  { title: 'decoding', align: 'right', width: 8, cell: ({ timingsMs }) => formatMilliseconds(timingsMs.total) },
];

export const replay = createCommand({
  details:
    'Sends the frames of a recording of `semcast channel --record.folder` once more, as they were: a recording of its ' +
    'output to a receiver, one of its input to a channel. With the same bundle the same pictures come back. The ' +
    'shared secret of a service that wants one is read from the environment: SEMCAST_TRANSMITTER_TOKEN.',
  positionals: { name: 'FILE', summary: 'the .sigmf-meta file of a recording' },
  flags: {
    to: value(
      'URL',
      webSocketUrl,
      `address of the receiver or channel (${DEFAULT_TO.output}, of an input ${DEFAULT_TO.input})`,
    ),
    'output-dir': value('DIR', text, 'write the pictures there'),
    wait: value('S', integer({ max: 86_400 }), 'seconds to wait for the link', 10),
    timeout: timeoutFlag(),
  },
  examples: [
    {
      line: 'semcast replay recordings/cam-1.sigmf-meta --to ws://127.0.0.1:7402 --output-dir replayed',
      does: 'what the receiver heard, decoded once more',
    },
  ],
  run: async ({ flags, positionals, io, terminal }) => {
    const [file, ...others] = positionals;
    if (file === undefined || others.length > 0) {
      throw new UsageError('one recording is replayed at a time', { remedy: 'semcast replay FILE.sigmf-meta' });
    }
    const folder = flags['output-dir'] === undefined ? undefined : resolve(flags['output-dir']);
    const interruption = io.interruption();
    const recording = await openRecording(file);
    try {
      if (folder !== undefined) {
        await checkFolder(folder);
      }
      const to = flags.to ?? DEFAULT_TO[recording.at];
      const token = readToken(undefined, io.env);
      const frames = recording.frames.length;
      const rows = createRowPrinter(COLUMNS, { colours: terminal.resultColours, width: terminal.resultColumns });
      let completed = 0;
      let dropped = 0;
      const spinner = createSpinner();
      const patience = startPatience({ terminal, timeoutMs: flags.timeout, waitingFor: () => `pictures from ${to}` });
      const ending = AbortSignal.any([interruption, patience.signal]);
      const { stream, hello } = recording;
      const link = connectLink(to, {
        hello: { ...hello, stream, role: 'transmitter', agent: AGENT, ...(token === undefined ? {} : { token }) },
        signal: ending,
      });
      try {
        await untilLinked(link, flags.wait, terminal);
        checkBundle(recording, link);
        patience.progress();
        terminal.result('', ...rows.header);
        terminal.setLive({
          render: () => `  ${terminal.colours.cyan(spinner())} ${completed + dropped} of ${counted(frames, 'frame')}`,
        });
        const saved: Promise<void>[] = [];
        link.on('result', (message) => {
          patience.progress();
          if (message.head.stage === 'final') {
            completed++;
            terminal.result(rows.row(message.head));
            const saving = folder === undefined ? Promise.resolve() : savePicture(folder, message);
            // Told of when all frames are through.
            saving.catch(() => undefined);
            saved.push(saving);
          }
        });
        link.on('drop', (drop) => {
          patience.progress();
          dropped++;
          terminal.result(...droppedRow(drop, terminal));
        });
        for (const frame of recording.frames) {
          await link.send(await recording.read(frame), { signal: ending });
        }
        await link.idle();
        await Promise.all(saved);
      } catch (error) {
        patience.signal.throwIfAborted();
        throw interruption.aborted
          ? new InterruptedError(`interrupted after ${completed + dropped} of ${counted(frames, 'frame')}`)
          : error;
      } finally {
        patience.stop();
        terminal.setLive(null);
        await link.close();
      }
      const { resultColours: colours } = terminal;
      const parts = [counted(completed, 'frame'), ...(dropped === 0 ? [] : [colours.red(`${dropped} dropped`)])];
      terminal.result(rows.rule, `  ${parts.join(' · ')}`);
      if (folder !== undefined) {
        terminal.note(`  ${terminal.colours.dim('pictures')}  ${terminal.colours.cyan(folder)}`);
      }
      return dropped === 0 ? EXIT_CODES.done : EXIT_CODES.failed;
    } finally {
      await recording.close();
    }
  },
});

/** @throws NoLinkError when there is no link in time; the server's refusal */
async function untilLinked(link: ClientLink, waitSeconds: number, terminal: Terminal): Promise<void> {
  let last = '';
  link.on('state', (state) => {
    last = state.name === 'waiting' ? printable(describeError(state.error)) : last;
  });
  const { colours } = terminal;
  terminal.setLive({ render: () => `  ${colours.yellow('…')} connecting to ${link.url} ${colours.dim(last)}` });
  const late = setTimeout(() => void link.close(), waitSeconds * 1000);
  try {
    await link.ready;
  } catch (error) {
    const closed = link.state.name === 'closed' ? link.state.error : undefined;
    if (closed !== undefined) {
      throw closed;
    }
    throw new NoLinkError(`no link to ${link.url} within ${waitSeconds} s${last === '' ? '' : `: ${last}`}`, {
      remedy: 'start the receiver (semcast receiver), or name another address: --to ws://HOST:PORT',
      cause: error,
    });
  } finally {
    clearTimeout(late);
  }
}

/** @throws RecordingError when the pictures were encoded with other networks than those that would decode them */
function checkBundle({ frames }: RecordedStream, { welcome, url }: ClientLink): void {
  const bundle = welcome!.bundle;
  const other = frames.find(({ head }) => head.bundleDigest !== bundle.digest);
  if (other !== undefined) {
    const { frame, bundleDigest } = other.head;
    throw new RecordingError(
      `frame ${frame} was encoded with bundle ${bundleDigest.slice(0, 12)}…, the receiver at ${url} has ` +
        `${bundle.name} ${bundle.version} (${bundle.digest.slice(0, 12)}…)`,
      { remedy: 'start a receiver with the bundle of the recorded stream (semcast receiver --bundle DIR)' },
    );
  }
}

/** Write a picture as it came; raw pixels as PNG. @throws OutputError */
async function savePicture(folder: string, { head, payload }: ResultMessage): Promise<void> {
  const { stream, frame, image } = head;
  const { format, width, height } = image;
  const bytes =
    format === 'raw'
      ? await sharp(payload, { raw: { width, height, channels: 3 } })
          .png()
          .toBuffer()
      : payload;
  const name = `${stream}-${String(frame).padStart(6, '0')}.${format === 'raw' ? 'png' : format}`;
  await writeFileWhole(join(folder, name), bytes);
}

function droppedRow(
  { frame, reason, detail }: DropHead,
  { resultColours: colours, resultColumns }: Terminal,
): string[] {
  return [
    `  ${colours.red('✗')} frame ${frame} was dropped: ${colours.red(reason)}`,
    ...wrap(printable(detail), resultColumns - 6).map((line) => `    ${colours.dim(line)}`),
  ];
}
