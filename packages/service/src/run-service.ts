import { formatConfig, loadConfig, type LogLevel } from '@semcast/config';
import { describeError } from '@semcast/core';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { createLogger } from './logger.js';
import { runUntilSignal } from './shutdown.js';

/** A service that listens, as far as running it as a process needs to know. */
export interface RunningService {
  readonly httpUrl: string;
  /** Where it takes links, if it does. */
  readonly wsUrl?: string;
  /** The stream that it sends, if it sends. */
  readonly stream?: string;
  close(): Promise<void>;
}

/** The control of a running service over its process. */
export interface ServiceProcess<Config> {
  readonly config: Config;
  readonly logger: Logger;
  /** Send a message to the process that forked this one. Resolves when it is there, or can't get there any more. */
  readonly tell: (message: object) => Promise<void>;
  /** Close and end, as a signal would; with a failure the process says it on standard error and exits with 1. */
  readonly end: (failure?: Error) => void;
}

/** The settings that every service has. */
interface ServiceConfig {
  readonly logLevel: LogLevel;
}

export interface ServiceProgram<Config extends ServiceConfig, Service extends RunningService> {
  /** In logs, messages, and environment variables (`SEMCAST_<NAME>_…`). */
  readonly name: string;
  readonly schema: z.ZodObject & z.ZodType<Config>;
  readonly create: (config: Config, options: { readonly logger: Logger }) => Promise<Service>;
  /** Called as soon as the service listens: what else its parent is told, and when it ends by itself. */
  readonly follow?: (service: Service, process: ServiceProcess<Config>) => void;
  /** Longest time that closing may take; default 10 s. */
  readonly closeTimeoutMs?: (config: Config) => number;
}

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/**
 * Run a service as a process until a signal or its parent ends it: read its configuration, start it, tell the parent
 * `{ type: 'ready', httpUrl, … }`. Ends the process with 1 when it can't start or go on, and with 2 on a wrong
 * configuration, saying why in one line on standard error.
 *
 * @param flags settings over the environment (`SEMCAST_<NAME>_…`), over the file named by `config`; `printConfig`
 *   prints the outcome instead of running
 */
export async function runService<Config extends ServiceConfig, Service extends RunningService>(
  { name, schema, create, follow, closeTimeoutMs }: ServiceProgram<Config, Service>,
  { config: file, printConfig, ...flags }: Readonly<Record<string, unknown>>,
): Promise<void> {
  const fail = (error: unknown, exitCode: number): never => {
    process.stderr.write(`${name}: ${describeError(error)}\n`);
    process.exit(exitCode);
  };
  const attempt = async <T>(run: () => T | Promise<T>, exitCode: number): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      return fail(error, exitCode);
    }
  };

  const given = { schema, name, file: typeof file === 'string' ? file : undefined, env: process.env, flags };
  const config: Config = await attempt(() => loadConfig(given), EXIT_USAGE);
  if (printConfig === true) {
    process.stdout.write(formatConfig(config, schema));
    return;
  }
  const logger = createLogger({ service: name, level: config.logLevel });
  const service = await attempt(() => create(config, { logger }), EXIT_FAILED);
  let failure: Error | undefined;
  const end = runUntilSignal(
    async () => {
      await service.close();
      if (failure !== undefined) {
        fail(failure, EXIT_FAILED);
      }
    },
    { logger, ...(closeTimeoutMs === undefined ? {} : { timeoutMs: closeTimeoutMs(config) }) },
  );
  process.once('disconnect', () => {
    logger.info('the parent process is gone');
    end();
  });
  follow?.(service, {
    config,
    logger,
    tell,
    end: (error) => {
      failure ??= error;
      end();
    },
  });
  const { httpUrl, wsUrl, stream } = service;
  await tell({ type: 'ready', httpUrl, wsUrl, stream });
}

async function tell(message: object): Promise<void> {
  await new Promise<void>((resolve) => {
    if (process.send === undefined || !process.connected) {
      resolve();
      return;
    }
    // With a callback, a channel that closes meanwhile is no error of the process.
    process.send(message, undefined, undefined, () => {
      resolve();
    });
  });
}
