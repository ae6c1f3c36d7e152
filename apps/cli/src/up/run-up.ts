import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Bundle } from '@semcast/bundle';
import type { ChannelMessage } from '@semcast/channel';
import { describeError } from '@semcast/core';
import type { TransmitterMessage } from '@semcast/transmitter';
import { InterruptedError } from '../errors.js';
import { EXIT_CODES, type ExitCode } from '../exit-codes.js';
import type { ServiceName } from '../layout.js';
import { openLogFile } from '../processes/log-file.js';
import { startPatience, type Patience } from '../patience.js';
import { photographsText } from '../photographs.js';
import { createSupervisor, type Supervisor } from '../processes/supervisor.js';
import { renderTable } from '../terminal/columns.js';
import type { Terminal } from '../terminal/terminal.js';
import { BootView } from './boot-view.js';
import { serviceSpecs, type SettingsInForce, type UpSettings } from './boot.js';
import { serveConsole, type UpConsole } from './console.js';
import { figure } from './frame-columns.js';
import { openPictureFolder } from './pictures.js';
import { StreamView } from './stream-view.js';
import type { SnrBand } from './tally.js';
import { createWarningFilter } from './warnings.js';

export interface UpRun {
  readonly terminal: Terminal;
  /** Ctrl-C. */
  readonly interruption: AbortSignal;
  readonly bundle: Bundle;
  readonly settings: UpSettings;
  /** Where pictures and the log go. */
  readonly dir: string;
  /** The photographs that are streamed. */
  readonly files: readonly string[];
  /** How long no picture may come; Infinity for a stream without end. */
  readonly timeoutMs: number;
}

/** Start the three services, show what comes through, and end them: after one pass, by Ctrl-C, or when one is lost. */
export async function runUp(run: UpRun): Promise<ExitCode> {
  const { terminal, interruption, settings, dir, files } = run;
  const { colours } = terminal;
  const { caution } = terminal;

  const log = await openLogFile(join(dir, 'semcast.log'));
  const warn = createWarningFilter(caution);
  const view = new StreamView({
    terminal,
    expected: settings.once ? files.length : undefined,
    sampling: settings.sampling,
  });
  const pictures = await openPictureFolder({
    dir,
    files,
    size: settings.size,
    onFailure: (error) => caution(`a picture couldn't be written: ${describeError(error)}`),
  });
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let ending = false;
  let away: string | null = null;
  let patience: Patience | undefined;

  let inForce: SettingsInForce = {};
  // A service that has to be started again goes on with what was set meanwhile, in the console or otherwise.
  const keepSettings = (changed: SettingsInForce): void => {
    inForce = { ...inForce, ...changed };
    const { transmitter, channel } = serviceSpecs(settings, inForce);
    supervisor.respecify(transmitter);
    supervisor.respecify(channel);
  };
  const onChannelMessage = ({ channel }: ChannelMessage): void => {
    if (channel.snr.name !== 'trace') {
      keepSettings({ channel });
      return;
    }
    const traceFile = join(dirname(settings.journal), 'snr.csv');
    writeFileSync(traceFile, channel.snr.csv);
    keepSettings({ channel, traceFile });
  };
  const onTransmitterMessage = (message: TransmitterMessage): void => {
    switch (message.type) {
      case 'outcome':
        patience?.progress();
        if (ending || (message.outcome.kind === 'dropped' && message.outcome.reason === 'superseded')) {
          // Cut short by us, or for a change in the console, which is no news.
          break;
        }
        view.add(message.outcome);
        if (message.outcome.kind === 'completed') {
          pictures.keep(message.outcome);
        }
        break;
      case 'preview':
        patience?.progress();
        view.preview(message.preview);
        break;
      case 'state':
        away = message.link.state === 'waiting' ? 'no way to the receiver; frames are kept and sent again' : null;
        view.setAway(away);
        break;
      case 'settings':
        keepSettings({ transmitter: message.settings });
        break;
      case 'finished':
        // It ends by itself now, and mustn't be started again.
        supervisor.release('transmitter');
        finish();
        break;
      case 'ready':
        break;
    }
  };
  const supervisor: Supervisor = createSupervisor({
    onLine: (service, line) => {
      log.write(line);
      // While everything ends, each service tells of the others' going.
      if (!ending) {
        warn(service, line);
      }
    },
    // It is our own code, of this very version; the receiver says no more than `ready`.
    onMessage: (service, message) => {
      if (service === 'channel') {
        onChannelMessage(message as ChannelMessage);
      } else {
        onTransmitterMessage(message as TransmitterMessage);
      }
    },
    onLost: caution,
    onRecovered: (service) => terminal.note(`  ${colours.green('✓')} the ${service} is back`),
  });
  let page: UpConsole | undefined;

  try {
    page = await serveConsole(settings.consolePort, settings.ports, (line) => log.write(line));
    terminal.note(
      '',
      `  console   ${colours.cyan(page.url)} ${colours.dim('(watch it, and change the channel, in a browser; it waits for the services)')}`,
    );
    await boot(run, supervisor);
    const compared = settings.sampling ? 'original | preview | refined' : 'original | received';
    terminal.note(
      '',
      `  pictures  ${colours.cyan(pictures.compareDir)} ${colours.dim(`(${compared})`)}`,
      `  log       ${colours.cyan(log.path)}`,
    );
    terminal.setLive(view);
    patience = startPatience({ terminal, timeoutMs: run.timeoutMs, waitingFor: () => away ?? 'the next picture' });
    await Promise.race([finished, supervisor.lost, untilAborted(interruption), untilAborted(patience.signal)]);
  } catch (error) {
    if (!interruption.aborted) {
      terminal.note(`  ${colours.dim('log')} ${log.path}`);
      throw error;
    }
  } finally {
    ending = true;
    patience?.stop();
    terminal.setLive({ render: () => `  ${colours.dim('ending the services …')}` });
    await page?.close();
    await supervisor.stop();
    await log.close();
    terminal.setLive(null);
  }
  await pictures.settled();
  const code = conclude(run, view);
  patience?.signal.throwIfAborted();
  return code;
}

/** `conditional, steps 8`: the options that were given; the others are the decoder's defaults. */
function describeDecoder({ decoder, decoderOptions = {} }: UpSettings): string {
  return [decoder, ...Object.entries(decoderOptions).map(([name, value]) => `${name} ${value}`)].join(', ');
}

/** Start everything; a line for each service that is ready. */
async function boot({ terminal, interruption, bundle, settings, files }: UpRun, supervisor: Supervisor): Promise<void> {
  const { manifest } = bundle;
  const { snr } = settings;
  const about: Readonly<Record<ServiceName, string>> = {
    receiver: `${manifest.name} ${manifest.version} on ${settings.device}, decoder ${describeDecoder(settings)}`,
    channel: `${settings.channel}, SNR ${typeof snr === 'number' ? `${snr} dB` : `between ${snr.fromDb} and ${snr.toDb} dB`}`,
    transmitter: `${photographsText(files.length)}, CBR ${settings.cbr}`,
  };
  const specs = serviceSpecs(settings);
  const view = new BootView(terminal, Object.keys(specs));
  terminal.note('');
  terminal.setLive(view);
  const start = async (name: ServiceName): Promise<void> => {
    const { wsUrl, httpUrl } = await supervisor.start(specs[name], { signal: interruption });
    view.ready(name, wsUrl ?? httpUrl, about[name]);
  };
  // Started last, the transmitter finds its way to the receiver at the first try.
  await Promise.all([start('receiver'), start('channel')]);
  await start('transmitter');
  terminal.setLive(null);
}

/** The closing lines: the frames that came through, and whether all did. */
function conclude({ terminal, interruption, settings }: UpRun, view: StreamView): ExitCode {
  const { tally } = view;
  const { resultColours: colours } = terminal;
  if (tally.completed + tally.dropped > 0) {
    view.footer();
  }
  if (!settings.once) {
    const bands = tally.bands();
    if (bands.length > 1) {
      terminal.result('', ...renderTable(BAND_COLUMNS, bands, { colours, width: terminal.resultColumns }));
    }
    terminal.result('');
    return EXIT_CODES.done;
  }
  terminal.result('');
  if (interruption.aborted) {
    throw new InterruptedError('interrupted before every photograph was through');
  }
  return tally.dropped === 0 ? EXIT_CODES.done : EXIT_CODES.failed;
}

const BAND_COLUMNS = [
  { title: 'SNR ±2.5 dB', align: 'right', cell: ({ centreDb }: SnrBand) => String(centreDb) },
  { title: 'frames', align: 'right', cell: ({ frames }: SnrBand) => String(frames) },
  { title: 'mean PSNR dB', align: 'right', cell: ({ meanPsnrDb }: SnrBand) => figure(meanPsnrDb, 2) },
] as const;

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
