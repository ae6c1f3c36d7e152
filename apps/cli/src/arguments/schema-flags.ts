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
    const children = new Map<string, ShapeKey[]>();
    for (const shape of objects) {
      for (const [key, child] of Object.entries(shape.properties ?? {})) {
        children.set(key, [...(children.get(key) ?? []), { shape: nameOfShape(shape), child }]);
      }
    }
    const named = [...children].sort(([, a], [, b]) => Number(isChoice(b)) - Number(isChoice(a)));
    for (const [key, found] of named) {
      addFlags(flags, [...path, key], mergeShapes(found, objects.length, schema, key));
    }
    return;
  }
  const name = path.map(kebabCase).join('.');
  const text = summaryOf(schema);
  const flag =
    schema.type === 'boolean'
      ? toggle(text)
      : schema.type === 'array'
        ? many(hintOf(schema.items ?? {}), asTyped, text)
        : value(hintOf(schema), asTyped, text);
  flags[name] = path.length > 1 ? { ...flag, group: NESTED } : flag;
}

/** A key as one shape of a union has it. */
interface ShapeKey {
  /** What the shape is chosen by: `rician-slow`. */
  readonly shape: string | undefined;
  readonly child: JsonSchema;
}

function nameOfShape({ properties = {} }: JsonSchema): string | undefined {
  const name = Object.values(properties).find((child) => child.const !== undefined)?.const;
  return typeof name === 'string' ? name : undefined;
}

const isChoice = (found: readonly ShapeKey[]): boolean => found.some(({ child }) => child.const !== undefined);

/** One key of all shapes: a `const` each becomes a choice, and what only some shapes have says which. */
function mergeShapes(found: readonly ShapeKey[], shapes: number, parent: JsonSchema, key: string): JsonSchema {
  if (isChoice(found)) {
    const chosen = (parent.default as Readonly<Record<string, unknown>> | undefined)?.[key];
    return {
      enum: found.map(({ child }) => child.const),
      description: 'which one',
      ...(chosen === undefined ? {} : { default: chosen }),
    };
  }
  const first = found[0]!.child;
  const owners = found.flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
  return found.length === shapes || owners.length === 0
    ? first
    : { ...first, description: `${owners.join(', ')}: ${first.description ?? ''}` };
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
