import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { suggestName } from '@semcast/core';
import { parse as parseYaml } from 'yaml';
import { childOf, isRecord, keysOf, readText, type Place } from './config-schema.js';
import { ConfigFileError, type ConfigProblem } from './errors.js';

/** One place that a configuration comes from, as a tree of values, with what was wrong in it. */
export interface ConfigLayer {
  readonly values: Readonly<Record<string, unknown>>;
  /** Who set what: dotted path → `flag --port`. */
  readonly sources: ReadonlyMap<string, string>;
  readonly problems: readonly ConfigProblem[];
}

/** Larger than any configuration; keeps a wrong path (a picture, a device) from being read whole. */
export const MAX_CONFIG_FILE_BYTES = 1024 * 1024;

/** `maxPayloadBytes`, `max-payload-bytes` → `MAX_PAYLOAD_BYTES`. */
export function constantCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[-.]/g, '_')
    .toUpperCase();
}

/** `SITE_NAME` → `siteName`, for records, whose keys no schema tells. A name that isn't all capitals is kept. */
function recordKey(name: string): string {
  if (!/^[A-Z0-9_]+$/.test(name)) {
    return name;
  }
  const words = name.toLowerCase().split('_');
  return words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('');
}

/** Collects settings, one path at a time, and remembers who made each. */
class LayerBuilder implements ConfigLayer {
  readonly values: Record<string, unknown> = {};
  readonly sources = new Map<string, string>();
  readonly problems: ConfigProblem[] = [];

  set(path: readonly string[], value: unknown, source: string): void {
    let object = this.values;
    for (const key of path.slice(0, -1)) {
      const child = object[key];
      const inside: Record<string, unknown> = isRecord(child) ? child : {};
      object[key] = inside;
      object = inside;
    }
    const last = path.at(-1)!;
    // `model={name: awgn}` and `model.name=…` of one source: neither wipes out the other.
    object[last] = isRecord(object[last]) && isRecord(value) ? { ...object[last], ...value } : value;
    this.sources.set(path.join('.'), source);
  }

  refuse(path: string, message: string, source: string | undefined): void {
    this.problems.push({ path, message, source });
  }
}

/** Keys that would reach into the prototype instead of the configuration. */
const isForbiddenKey = (key: string): boolean => key === '__proto__' || key === 'constructor' || key === 'prototype';

/** Follow the segments of a variable or flag into the schema. */
function resolvePath(
  place: Place,
  segments: readonly string[],
): { path: string[]; place: Place } | { known: string[] } {
  const path: string[] = [];
  let current = place;
  for (const segment of segments) {
    const keys = keysOf(current);
    if (keys === undefined) {
      return { known: [] };
    }
    const wanted = constantCase(segment);
    const key = keys === 'any' ? recordKey(segment) : keys.find((known) => constantCase(known) === wanted);
    if (key === undefined || isForbiddenKey(key)) {
      return { known: (keys === 'any' ? [] : keys).map((known) => [...path, known].join('.')) };
    }
    path.push(key);
    current = childOf(current, key);
  }
  return { path, place: current };
}

/** A value without the keys that the schema doesn't know, which are named as problems. */
function knownPart(
  layer: LayerBuilder,
  place: Place,
  path: readonly string[],
  value: unknown,
  source: string,
): unknown {
  const keys = keysOf(place);
  if (!isRecord(value) || keys === undefined) {
    return value;
  }
  const known: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(value)) {
    if (isForbiddenKey(key) || (keys !== 'any' && !keys.includes(key))) {
      const others = keys === 'any' ? [] : keys.filter((name) => !Object.hasOwn(value, name));
      const where = path.length === 0 ? '' : ` in ${path.join('.')}`;
      layer.refuse('', `unknown key "${key}"${where}${suggestName(key, others)}`, source);
    } else {
      known[key] = knownPart(layer, childOf(place, key), [...path, key], child, source);
    }
  }
  return known;
}

/**
 * Variables that Kubernetes adds to every pod for a Service named like ours (`SEMCAST_CHANNEL_SERVICE_HOST`,
 * `SEMCAST_CHANNEL_PORT=tcp://10.0.0.1:7401`). They are nobody's settings.
 */
function isServiceLink(rest: string, value: string): boolean {
  return (
    /^SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$/.test(rest) ||
    /^PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?$/.test(rest) ||
    (rest === 'PORT' && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

/** `SEMCAST_CHANNEL_` */
export function environmentPrefix(name: string): string {
  return `SEMCAST_${constantCase(name)}_`;
}

/**
 * `SEMCAST_CHANNEL_CHANNEL__SNR__SNR_DB=5` → `{ channel: { snr: { snrDb: 5 } } }`. Empty values count as unset, and a
 * carriage return at the end is that of the file with the variables.
 */
export function readEnvironment(
  place: Place,
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
): ConfigLayer {
  const layer = new LayerBuilder();
  for (const [variable, given] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = given?.replace(/\r$/, '');
    // Compose files write `${TOKEN:-}` for what may be missing.
    if (!variable.startsWith(prefix) || text === undefined || text === '') {
      continue;
    }
    const rest = variable.slice(prefix.length);
    const resolved = resolvePath(place, rest.split('__'));
    if ('known' in resolved) {
      if (!isServiceLink(rest, text)) {
        const names = resolved.known.map((path) => prefix + path.split('.').map(constantCase).join('__'));
        layer.refuse('', `unknown environment variable ${variable}${suggestName(variable, names)}`, undefined);
      }
    } else if (!isServiceLink(rest, text)) {
      const source = `environment variable ${variable}`;
      const value = knownPart(layer, resolved.place, resolved.path, readText(resolved.place, text), source);
      layer.set(resolved.path, value, source);
    }
  }
  return layer;
}

/** Texts as what they stand for; a flag that was given several times has several, each of one or more entries. */
function readTyped(place: Place, value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.flatMap((entry) => readTyped(place, entry));
  }
  return typeof value === 'string' ? readText(place, value) : value;
}

/** `{ port: '7401', 'channel.snr.snrDb': '5' }`, or nested. Texts are read like those of the environment. */
export function readFlags(place: Place, flags: Readonly<Record<string, unknown>>): ConfigLayer {
  const layer = new LayerBuilder();
  const add = (segments: readonly string[], value: unknown): void => {
    const flag = `--${segments.join('.')}`;
    const resolved = resolvePath(place, segments);
    if ('known' in resolved) {
      const names = resolved.known.map((path) => `--${path}`);
      layer.refuse('', `unknown flag ${flag}${suggestName(flag, names)}`, undefined);
    } else if (isRecord(value) && Object.getPrototypeOf(value) === Object.prototype) {
      for (const [key, child] of Object.entries(value)) {
        if (child !== undefined) {
          add([...segments, key], child);
        }
      }
    } else {
      const read = readTyped(resolved.place, value);
      layer.set(resolved.path, knownPart(layer, resolved.place, resolved.path, read, `flag ${flag}`), `flag ${flag}`);
    }
  };
  for (const [name, value] of Object.entries(flags)) {
    if (value !== undefined) {
      add(name.split('.'), value);
    }
  }
  return layer;
}

/** What came through pipes: they can be read once, and a command may look at its configuration before its service. */
const pipedTexts = new Map<string, string>();

/** All of a file, a pipe or a device, but no more than one byte beyond the limit. */
function readBytes(file: string): Buffer {
  const bytes = Buffer.alloc(MAX_CONFIG_FILE_BYTES + 1);
  const fd = openSync(file, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0; length += read) {
      read = readSync(fd, bytes, length, bytes.length - length, null);
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

function readLimited(file: string): string {
  const subject = `the configuration file ${file}`;
  const piped = pipedTexts.get(file);
  if (piped !== undefined) {
    return piped;
  }
  try {
    const stats = statSync(file);
    if (stats.isDirectory()) {
      throw new ConfigFileError(`${subject} is a folder`, { remedy: 'name a YAML or JSON file' });
    }
    const bytes = readBytes(file);
    if (bytes.length > MAX_CONFIG_FILE_BYTES) {
      throw new ConfigFileError(`${subject} has more than ${MAX_CONFIG_FILE_BYTES} bytes`, {
        remedy: 'check the path: a configuration takes a few hundred bytes',
      });
    }
    const text = bytes.toString('utf8');
    if (!stats.isFile()) {
      pipedTexts.set(file, text);
    }
    return text;
  } catch (cause) {
    if (cause instanceof ConfigFileError) {
      throw cause;
    }
    const { code, message } = cause as NodeJS.ErrnoException;
    throw code === 'ENOENT'
      ? new ConfigFileError(`${subject} doesn't exist`, { remedy: 'check the path', cause })
      : new ConfigFileError(`${subject} can't be read: ${message}`, { remedy: 'let this process read it', cause });
  }
}

/**
 * A YAML or JSON file.
 *
 * @throws ConfigFileError when it can't be read, is too large, or holds something else than a mapping
 */
export function readFile(place: Place, file: string): ConfigLayer {
  const text = readLimited(file);
  let values: unknown;
  try {
    // JSON is YAML, and the message tells line and column for both.
    values = parseYaml(text) as unknown;
  } catch (cause) {
    const [firstLine] = (cause as Error).message.split('\n');
    throw new ConfigFileError(
      `the configuration file ${file} is no valid YAML or JSON: ${firstLine!.replace(/:$/, '')}`,
      { remedy: 'correct that line', cause },
    );
  }
  values ??= {};
  if (!isRecord(values)) {
    throw new ConfigFileError(
      `the configuration file ${file} holds ${Array.isArray(values) ? 'a list' : 'a single value'}, not keys with values`,
      { remedy: 'write one "key: value" a line' },
    );
  }
  const layer = new LayerBuilder();
  const source = `file ${basename(file)}`;
  for (const [key, value] of Object.entries(knownPart(layer, place, [], values, source) as object)) {
    layer.set([key], value, source);
  }
  return layer;
}
