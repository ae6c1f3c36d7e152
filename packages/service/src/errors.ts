import { SemcastError } from '@semcast/core';

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where in the configuration, dotted: `channel.snr.snrDb`. Empty for the whole. */
  readonly path: string;
  /** What is wrong, in words. */
  readonly message: string;
  /** Who set it: `flag --port`, `environment variable SEMCAST_CHANNEL_PORT`, `file channel.yaml`; or undefined. */
  readonly source: string | undefined;
}

function describeProblem({ path, message, source }: ConfigProblem): string {
  const where = path === '' ? message : `${path} ${message}`;
  return source === undefined ? where : `${where} (${source})`;
}

/** A configuration is wrong. Every problem is named at once, so that one run suffices to correct all. */
export class ConfigError extends SemcastError {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(service: string, problems: readonly ConfigProblem[]) {
    super('E_CONFIG', `the configuration of ${service} is wrong: ${problems.map(describeProblem).join('; ')}`, {
      remedy:
        'correct what is named; flags win over environment variables, these over the file, the file over defaults',
    });
    this.problems = problems;
  }
}

/** A configuration file can't be read or is no YAML or JSON mapping. */
export class ConfigFileError extends SemcastError {
  override readonly name = 'ConfigFileError';

  constructor(message: string, remedy: string, cause?: unknown) {
    super('E_CONFIG_FILE', message, { remedy, cause });
  }
}

export type ListenErrorCode =
  /** Another program listens there. */
  | 'E_PORT_BUSY'
  /** The operating system reserves the port. */
  | 'E_PORT_DENIED'
  /** The host is no address of this machine. */
  | 'E_HOST_UNAVAILABLE'
  /** Anything else that kept a server from listening. */
  | 'E_LISTEN';

/** A server couldn't start to listen. */
export class ListenError extends SemcastError {
  override readonly name = 'ListenError';

  constructor(code: ListenErrorCode, message: string, remedy: string, cause: unknown) {
    super(code, message, { remedy, cause });
  }
}

/**
 * A request is refused: the answer has this status and `{ error: { code, message, remedy } }`.
 * Routes may throw it, or any SemcastError of their own with a `statusCode`.
 */
export class HttpError extends SemcastError {
  override readonly name = 'HttpError';
  readonly statusCode: number;

  constructor(statusCode: number, code: string, message: string, remedy: string, cause?: unknown) {
    super(code, message, { remedy, cause });
    this.statusCode = statusCode;
  }
}
