import { redact, REDACTED } from '@semcast/core';
import type { z } from 'zod';
import { Document, isMap, isScalar, type Pair, type YAMLMap } from 'yaml';
import {
  childOf,
  defaultShapeOf,
  definitionOf,
  discriminatorOf,
  isRecord,
  shapesFor,
  type Place,
} from './config-schema.js';
import { environmentPrefix, readEnvironment, readFile, readFlags, type ConfigLayer } from './config-sources.js';
import { explainIssues } from './config-problems.js';
import { ConfigError, type ConfigProblem } from './errors.js';

export interface ConfigSources<S extends z.ZodObject> {
  /** Keys, defaults and limits. Its `.describe()` texts are the comments of `--print-config`. */
  readonly schema: S;
  /** The service's name: environment variables start with `SEMCAST_<NAME>_`. */
  readonly name: string;
  /** A YAML or JSON file. Without it `SEMCAST_<NAME>_CONFIG` may name one. */
  readonly file?: string | undefined;
  /**
   * Usually `process.env`. `SEMCAST_CHANNEL_MAX_SESSIONS=5` sets `maxSessions` of the channel,
   * `SEMCAST_CHANNEL_CHANNEL__SNR__SNR_DB=5` sets `channel.snr.snrDb`; an empty value counts as unset.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * From the command line: `maxSessions`, `max-sessions`, nested objects or dotted names such as `channel.snr.snrDb`.
   * Undefined values count as unset. Leave out flags that are no configuration (`config`, `print-config`).
   */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/**
 * `higher` over `lower`. Objects are merged key by key, except where a key tells shapes apart (`name` of a channel
 * model) and changes: options of the old shape mean nothing to the new one.
 */
function merge(place: Place, lower: unknown, higher: unknown): unknown {
  if (!isRecord(lower) || !isRecord(higher)) {
    return higher;
  }
  const discriminator = discriminatorOf(place);
  if (
    discriminator !== undefined &&
    higher[discriminator] !== undefined &&
    lower[discriminator] !== higher[discriminator]
  ) {
    return higher;
  }
  const merged: Record<string, unknown> = { ...lower };
  for (const [key, value] of Object.entries(higher)) {
    merged[key] = key in lower ? merge(childOf(place, key), lower[key], value) : value;
  }
  return merged;
}

/** Options of a union given without saying of which shape belong to the shape of its default. */
function withDefaultShapes(place: Place, value: unknown): unknown {
  if (!isRecord(value)) {
    return value;
  }
  const entries = Object.entries(value).map(([key, child]) => [key, withDefaultShapes(childOf(place, key), child)]);
  return { ...defaultShapeOf(place), ...(Object.fromEntries(entries) as Record<string, unknown>) };
}

/** Who set what is at a path; failing that, what it is in, or something beside it. */
function sourceOf(layers: readonly ConfigLayer[], path: readonly string[]): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const prefix = path.slice(0, length).join('.');
    const settings = layers.flatMap(({ sources }) => [...sources]);
    const found =
      settings.find(([setPath]) => setPath === prefix) ??
      settings.find(([setPath]) => setPath.startsWith(`${prefix}.`));
    if (found !== undefined) {
      return found[1];
    }
  }
  return undefined;
}

/** Secrets that were copied from what `--print-config` wrote. */
function placeholders(layers: readonly ConfigLayer[], value: unknown, path: readonly string[]): ConfigProblem[] {
  if (typeof value === 'string' && value.includes(REDACTED)) {
    const message = 'is the placeholder of a printed configuration; put the secret itself there';
    return [{ path: path.join('.'), message, source: sourceOf(layers, path) }];
  }
  if (!isRecord(value)) {
    return [];
  }
  return Object.entries(value).flatMap(([key, child]) => placeholders(layers, child, [...path, key]));
}

/**
 * Read a configuration: flags over environment over file over the schema's defaults.
 *
 * Texts from flags and environment are read as what the schema wants there. Unknown keys are errors that name the
 * nearest known one, whether or not the schema is strict.
 *
 * @throws ConfigError naming every problem and who set it; ConfigFileError when the file can't be read
 */
export function loadConfig<S extends z.ZodObject>({
  schema,
  name,
  file,
  env = {},
  flags = {},
}: ConfigSources<S>): z.output<S> {
  const root: Place = [schema];
  const prefix = environmentPrefix(name);
  const fileVariable = `${prefix}CONFIG`;
  const { [fileVariable]: fileFromEnv, ...settings } = env;
  const path = file ?? (fileFromEnv === '' ? undefined : fileFromEnv);
  // Highest first.
  const layers: ConfigLayer[] = [readFlags(root, flags), readEnvironment(root, prefix, settings)];
  if (path !== undefined) {
    layers.push(readFile(root, path));
  }
  const merged = layers.reduceRight<unknown>((lower, layer) => merge(root, lower, layer.values), {});
  const values = withDefaultShapes(root, merged);
  const problems = [...layers.flatMap((layer) => layer.problems), ...placeholders(layers, values, [])];
  const result = schema.safeParse(values);
  if (result.success && problems.length === 0) {
    return result.data;
  }
  for (const { path: where, message } of result.success ? [] : explainIssues(result.error.issues, root, values)) {
    problems.push({ path: where.join('.'), message, source: sourceOf(layers, where) });
  }
  throw new ConfigError(name, problems);
}

function arrange(map: YAMLMap, place: Place, values: Readonly<Record<string, unknown>>): void {
  const shapes = shapesFor(place, values);
  // Which shape it is comes before the options of the shape.
  const discriminator = discriminatorOf(place);
  const isDiscriminator = ({ key }: Pair): boolean => isScalar(key) && key.value === discriminator;
  map.items.sort((a, b) => Number(isDiscriminator(b)) - Number(isDiscriminator(a)));
  for (const { key, value } of map.items) {
    if (!isScalar(key)) {
      continue;
    }
    const child = childOf(shapes, String(key.value));
    const description = child.map(describe).find((text) => text !== undefined);
    if (description !== undefined) {
      key.commentBefore = ` ${description}`;
    }
    const childValue = values[String(key.value)];
    if (isMap(value) && isRecord(childValue)) {
      arrange(value, child, childValue);
    }
  }
}

/** A description is on whichever wrapper `.describe()` was called: `z.int().describe('…').default(1)` has it inside. */
function describe(schema: z.core.$ZodType): string | undefined {
  const def = definitionOf(schema);
  return (schema as z.ZodType).description ?? ('innerType' in def ? describe(def.innerType) : undefined);
}

/**
 * A configuration as YAML, for `--print-config`: every secret `[redacted]`, passwords in URLs too, and, given the
 * schema, each key under its description. Without its secrets it can be read back as a file.
 */
export function formatConfig(config: object, schema?: z.ZodObject): string {
  const redacted = redact({ ...config });
  const document = new Document(redacted);
  if (schema !== undefined && isMap(document.contents)) {
    arrange(document.contents, [schema], redacted);
  }
  return document.toString();
}
