import { describeError } from '@semcast/core';
import { ConfigError, ConfigFileError, formatConfig, loadConfig } from '@semcast/config';
import { createLogger, runUntilSignal, type Logger, type Shutdown } from '@semcast/service';
import { createTransmitter, type TransmitterService } from './app.js';
import { transmitterConfigSchema, type TransmitterConfig } from './config.js';
import {
  summariseOutcome,
  summarisePreview,
  type OutcomeSummary,
  type PreviewSummary,
  type SentFrame,
} from './outcome.js';
import { summariseLink, type LinkSummary } from './status.js';
import type { StreamSettings } from './stream-control.js';
import type { StreamTotals } from './transmitter.js';

/** What a forked transmitter tells its parent. */
export type TransmitterMessage =
  | { readonly type: 'ready'; readonly httpUrl: string; readonly stream: string }
  | { readonly type: 'state'; readonly link: LinkSummary }
  | { readonly type: 'sent'; readonly sent: SentFrame }
  /** A picture on the way came; while it is shelved, its bytes are at `/pictures/FRAME/STAGE`. */
  | { readonly type: 'preview'; readonly preview: PreviewSummary }
  | { readonly type: 'outcome'; readonly outcome: OutcomeSummary }
  /** Decoder, rate, pace or pause were changed while frames flow. */
  | { readonly type: 'settings'; readonly settings: StreamSettings }
  /** The last frame of the source has its outcome; the process ends unless `stayUp`. */
  | { readonly type: 'finished'; readonly totals: StreamTotals };

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** For everything that closing takes beside waiting for frames. */
const CLOSE_TIMEOUT_MS = 8000;

/**
 * Run a transmitter as a process: read the configuration (flags over environment over file), start, and end by signal,
 * with the parent process, or after the last photograph. Exits 0 when done, 1 when it couldn't start or go on, 2 on a
 * wrong configuration.
 *
 * @param flags the configuration's keys; `config` names its file, `printConfig` prints it and ends
 */
export async function runTransmitter(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const config = readConfig(flags);
  if (config === undefined) {
    return;
  }
  const logger = createLogger({ service: 'transmitter', level: config.logLevel });
  let service: TransmitterService;
  try {
    service = await createTransmitter(config, { logger });
  } catch (error) {
    process.stderr.write(`semcast transmitter: ${describeError(error)}\n`);
    process.exitCode = EXIT_FAILED;
    // A forked process would live on for its channel to the parent.
    process.disconnect?.();
    return;
  }
  let failure: Error | undefined;
  const close = async (): Promise<void> => {
    await service.close();
    if (failure !== undefined) {
      process.stderr.write(`semcast transmitter: ${describeError(failure)}\n`);
      process.exit(EXIT_FAILED);
    }
  };
  const endWhenFailed = async (): Promise<void> => {
    failure = await service.failed;
    shutdown.close();
  };
  const shutdown = runUntilSignal(close, { logger, timeoutMs: config.drainMs + CLOSE_TIMEOUT_MS });
  process.once('disconnect', () => {
    logger.info('the parent process is gone');
    shutdown.close();
  });
  reportToParent(service);
  await tellParent({ type: 'ready', httpUrl: service.httpUrl, stream: service.stream });
  void endWhenFailed();
  void endWhenFinished(service, shutdown, config, logger);
}

async function endWhenFinished(
  service: TransmitterService,
  shutdown: Shutdown,
  { stayUp }: TransmitterConfig,
  logger: Logger,
): Promise<void> {
  const totals = await service.finished;
  logger.info({ ...totals }, 'the source is finished');
  await tellParent({ type: 'finished', totals });
  if (!stayUp) {
    shutdown.close();
  }
}

function readConfig(flags: Readonly<Record<string, unknown>>): TransmitterConfig | undefined {
  const { config: file, printConfig, 'print-config': printConfigFlag, _: _positional, ...settings } = flags;
  try {
    const config = loadConfig({
      schema: transmitterConfigSchema,
      name: 'transmitter',
      file: typeof file === 'string' ? file : undefined,
      env: process.env,
      flags: settings,
    });
    if (printConfig === true || printConfigFlag === true) {
      process.stdout.write(formatConfig(config, transmitterConfigSchema));
      return undefined;
    }
    return config;
  } catch (error) {
    process.stderr.write(`semcast transmitter: ${describeError(error)}\n`);
    process.exitCode = error instanceof ConfigError || error instanceof ConfigFileError ? EXIT_USAGE : EXIT_FAILED;
    process.disconnect?.();
    return undefined;
  }
}

function reportToParent(service: TransmitterService): void {
  if (process.send === undefined) {
    return;
  }
  service.on('state', (state) => {
    void tellParent({ type: 'state', link: summariseLink(state) });
  });
  service.on('sent', (sent) => {
    void tellParent({ type: 'sent', sent });
  });
  service.onSettings((settings) => {
    void tellParent({ type: 'settings', settings });
  });
  service.on('preview', (preview) => {
    void tellParent({ type: 'preview', preview: summarisePreview(preview) });
  });
  service.on('outcome', (outcome) => {
    void tellParent({ type: 'outcome', outcome: summariseOutcome(outcome) });
  });
}

/** Resolves when the message is with the parent, or can't get there any more. */
function tellParent(message: TransmitterMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) {
      resolve();
      return;
    }
    process.send(message, undefined, undefined, () => {
      resolve();
    });
  });
}
