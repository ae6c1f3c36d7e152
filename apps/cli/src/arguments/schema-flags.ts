import { z } from 'zod';
import { many, toggle, value, type Flag, type Flags } from './spec.js';
import type { ValueParser } from './values.js';

/** The part of JSON Schema that zod writes for configurations. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

/** `maxPayloadBytes` → `max-payload-bytes`. */
export function kebabCase(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}

/** Texts pass through: the service's own schema says what they mean, in one place for flags, environment and file. */
const asTyped: ValueParser<string> = (typed) => typed;

const NESTED = 'Nested (also in a --config file)';

/**
 * The flags of a service, from the schema of its configuration: one a key, with the schema's description, choices
 * and default. Values stay texts.
 */
export function flagsOfSchema(schema: z.ZodObject): Flags {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const flags: Record<string, Flag> = {};
  for (const [key, entry] of Object.entries(json.properties ?? {})) {
    addFlags(flags, [key], entry);
  }
  return flags;
}

function addFlags(flags: Record<string, Flag>, path: readonly string[], schema: JsonSchema): void {
  const shapes = schema.oneOf ?? schema.anyOf ?? [];
  const objects = [schema, ...shapes].filter(({ properties }) => properties !== undefined);
  if (objects.length > 0) {
    // Keys of all shapes: which belong together is told by the service, with the values in hand.
    const children = new Map<string, JsonSchema[]>();
    for (const { properties = {} } of objects) {
      for (const [key, child] of Object.entries(properties)) {
        children.set(key, [...(children.get(key) ?? []), child]);
      }
    }
    for (const [key, found] of children) {
      addFlags(flags, [...path, key], mergeShapes(found, schema, key));
    }
    return;
  }
  const name = path.map(kebabCase).join('.');
  const text = summaryOf(schema);
  const group = path.length > 1 ? NESTED : undefined;
  if (schema.type === 'boolean') {
    flags[name] = toggle(text, group);
  } else if (schema.type === 'array') {
    flags[name] = many(hintOf(schema.items ?? {}), asTyped, text, group);
  } else {
    flags[name] = value(hintOf(schema), asTyped, text, group);
  }
}

/** One key as several shapes of a union have it: a `const` each becomes a choice. */
function mergeShapes(found: readonly JsonSchema[], parent: JsonSchema, key: string): JsonSchema {
  const names = found.flatMap((shape) => (shape.const === undefined ? [] : [shape.const]));
  if (names.length === 0) {
    return found[0]!;
  }
  const chosen = (parent.default as Readonly<Record<string, unknown>> | undefined)?.[key];
  return { enum: names, description: 'which one', ...(chosen === undefined ? {} : { default: chosen }) };
}

function summaryOf(schema: JsonSchema): string {
  const choices = schema.enum === undefined ? '' : `: ${schema.enum.join(', ')}`;
  const shown = schema.default;
  const tellable = typeof shown === 'string' || typeof shown === 'number' || shown === true;
  const fallback = tellable ? ` (${String(shown)})` : '';
  return `${schema.description ?? ''}${choices}${fallback}`;
}

function hintOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) {
    return 'NAME';
  }
  switch (schema.type) {
    case 'integer':
      return 'N';
    case 'number':
      return 'X';
    default:
      return schema.anyOf === undefined ? 'TEXT' : 'VALUE';
  }
}
