import { errorClass, SemcastError } from '@semcast/core';

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where in the configuration, dotted: `channel.snr.snrDb`. Empty for the whole. */
  readonly path: string;
  /** What is wrong, as a sentence. */
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
export class ConfigFileError extends errorClass('ConfigFileError', 'E_CONFIG_FILE') {}
