import { z } from 'zod';
import { parse as parseYaml } from 'yaml';

/**
 * Questions about a zod schema that reading a configuration needs answered: which keys an object may have, what text
 * from an environment variable or a flag stands for, and which of several shapes is meant.
 */

type Schema = z.core.$ZodType;
type SchemaDefinition = z.core.$ZodTypes['_zod']['def'];

/** What a schema is made of: zod's documented way to look into schemas of any of its flavours. */
export function definitionOf(schema: Schema): SchemaDefinition {
  // oxlint-disable-next-line no-underscore-dangle -- zod's name for it
  return (schema as z.core.$ZodTypes)._zod.def;
}

/** The schemas that a value may have to satisfy, wrappers such as defaults taken off and unions spread out. */
function alternativesOf(schema: Schema): Schema[] {
  const def = definitionOf(schema);
  switch (def.type) {
    case 'default':
    case 'prefault':
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return alternativesOf(def.innerType);
    case 'pipe': {
      // The input side, except for z.preprocess, whose input side is a bare function.
      const inputIsFunction = definitionOf(def.in).type === 'transform';
      return alternativesOf(inputIsFunction ? def.out : def.in);
    }
    case 'lazy':
      return alternativesOf(def.getter());
    case 'union':
      return def.options.flatMap(alternativesOf);
    case 'intersection':
      return [...alternativesOf(def.left), ...alternativesOf(def.right)];
    default:
      return [schema];
  }
}

/** The discriminated union inside a schema's wrappers, and what the wrappers put in the place of nothing. */
function discriminatedUnionOf(schema: Schema): { discriminator: string; defaultValue: unknown } | undefined {
  let current = schema;
  let defaultValue: unknown;
  for (;;) {
    const def = definitionOf(current);
    if (def.type === 'default' || def.type === 'prefault') {
      defaultValue ??= def.defaultValue;
    }
    if ('innerType' in def) {
      current = def.innerType;
    } else if (def.type === 'union' && 'discriminator' in def && typeof def.discriminator === 'string') {
      return { discriminator: def.discriminator, defaultValue };
    } else {
      return undefined;
    }
  }
}

/** What may stand under a path: several schemas where unions are on the way. */
export type Place = readonly Schema[];

/** The keys that an object there may have; 'any' for records and loose objects; undefined when no object belongs there. */
export function keysOf(place: Place): readonly string[] | 'any' | undefined {
  const keys = new Set<string>();
  let isObject = false;
  for (const alternative of place.flatMap(alternativesOf)) {
    const def = definitionOf(alternative);
    if (def.type === 'object') {
      isObject = true;
      if (def.catchall !== undefined && definitionOf(def.catchall).type !== 'never') {
        return 'any';
      }
      for (const key of Object.keys(def.shape)) {
        keys.add(key);
      }
    } else if (def.type === 'record' || def.type === 'any' || def.type === 'unknown') {
      return 'any';
    }
  }
  return isObject ? [...keys] : undefined;
}

/** What may stand under a key there; empty for unknown keys. */
export function childOf(place: Place, key: string): Place {
  return place.flatMap(alternativesOf).flatMap((alternative): Schema[] => {
    const def = definitionOf(alternative);
    if (def.type === 'object') {
      const child = Object.hasOwn(def.shape, key) ? def.shape[key] : def.catchall;
      return child === undefined ? [] : [child];
    }
    return def.type === 'record' ? [def.valueType] : [];
  });
}

/** The key that tells the shapes of a union apart there, such as `name` of a channel model. */
export function discriminatorOf(place: Place): string | undefined {
  for (const schema of place) {
    const union = discriminatedUnionOf(schema);
    if (union !== undefined) {
      return union.discriminator;
    }
  }
  return undefined;
}

/** The shape meant when options of a union are given without saying of which: that of its default. */
export function defaultShapeOf(place: Place): Readonly<Record<string, unknown>> {
  for (const schema of place) {
    const union = discriminatedUnionOf(schema);
    if (union !== undefined && isRecord(union.defaultValue)) {
      const { discriminator, defaultValue } = union;
      return discriminator in defaultValue ? { [discriminator]: defaultValue[discriminator] } : {};
    }
  }
  return {};
}

/** The alternatives of a union whose discriminator has this value; all of them when there is no such union. */
export function shapesFor(place: Place, value: Readonly<Record<string, unknown>>): Place {
  const discriminator = discriminatorOf(place);
  if (discriminator === undefined) {
    return place;
  }
  return place.flatMap(alternativesOf).filter((alternative) => {
    const def = definitionOf(alternative);
    const field = def.type === 'object' ? def.shape[discriminator] : undefined;
    return field !== undefined && z.safeParse(field, value[discriminator]).success;
  });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function yamlOr(text: string): unknown {
  try {
    return parseYaml(text) as unknown;
  } catch {
    return text;
  }
}

/** What a text stands for if it is meant for one schema; the text itself when it can't be that. */
function readTextAs(schema: Schema, text: string, discriminator: string | undefined): unknown {
  const trimmed = text.trim();
  const def = definitionOf(schema);
  switch (def.type) {
    case 'number':
      return trimmed !== '' && Number.isFinite(Number(trimmed)) ? Number(trimmed) : text;
    case 'boolean':
      return /^(true|yes|on|1)$/i.test(trimmed) ? true : /^(false|no|off|0)$/i.test(trimmed) ? false : text;
    case 'null':
      return trimmed === 'null' ? null : text;
    case 'literal':
      return def.values.find((value) => String(value) === trimmed) ?? text;
    case 'array': {
      if (trimmed.startsWith('[')) {
        return yamlOr(trimmed);
      }
      if (trimmed.startsWith('{')) {
        return [yamlOr(trimmed)];
      }
      const parts = trimmed === '' ? [] : trimmed.split(',');
      return parts.map((part) => readText([def.element], part.trim()));
    }
    case 'object':
    case 'record':
      if (trimmed.startsWith('{')) {
        return yamlOr(trimmed);
      }
      // `awgn` is short for `{ name: awgn }`.
      return discriminator === undefined ? text : { [discriminator]: trimmed };
    case 'any':
    case 'unknown':
      return yamlOr(text);
    default:
      return text;
  }
}

/**
 * What a text from the environment or the command line stands for: `true` and `on` for a boolean, `1.5` for a number,
 * `a,b` or `[a, b]` for a list, `{ name: awgn }` or just `awgn` for one of several shapes. A text that fits nothing is
 * left as it is, for the schema to refuse.
 */
export function readText(place: Place, text: string): unknown {
  const discriminator = discriminatorOf(place);
  const alternatives = place.flatMap(alternativesOf);
  let first: unknown = text;
  for (const [index, alternative] of alternatives.entries()) {
    const value = readTextAs(alternative, text, discriminator);
    if (z.safeParse(alternative, value).success) {
      return value;
    }
    first = index === 0 ? value : first;
  }
  return first;
}
