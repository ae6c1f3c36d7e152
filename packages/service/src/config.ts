import { SemcastError } from '@semcast/core';
import type { z } from 'zod';

export interface ConfigSources<S extends z.ZodObject> {
  readonly schema: S;
  /** The service's name: environment variables start with `SEMCAST_<NAME>_`. */
  readonly name: string;
  /** A YAML or JSON file. */
  readonly file?: string | undefined;
  /** Usually `process.env`. `SEMCAST_CHANNEL_SNR__CSNR_DB=5` sets `snr.csnrDb` of the channel. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** From the command line: nested objects, or dotted names such as `snr.csnrDb`. Undefined values don't count. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/** Read a configuration: flags over environment over file over the schema's defaults. */
export function loadConfig<S extends z.ZodObject>(sources: ConfigSources<S>): z.output<S> {
  throw new SemcastError('E_CONFIG', `the configuration of ${sources.name} can't be read yet`);
}

/** A configuration as YAML, for `--print-config`, with every secret replaced by `[redacted]`. */
export function formatConfig(config: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(config);
}
