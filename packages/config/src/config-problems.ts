import { isSecretName, nearestName, suggestName } from '@semcast/core';
import type { z } from 'zod';
import { childOf, discriminatorOf, isRecord, keysOf, shapesFor, type Place } from './config-schema.js';

/** A problem that the schema found, as a sentence. */
export interface ExplainedIssue {
  readonly path: readonly string[];
  readonly message: string;
}

/** The names of the schema's types in a message. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
};

const MAX_SHOWN_CHARACTERS = 60;

function valueAt(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => {
    const inside = isRecord(value) || Array.isArray(value);
    return inside ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  }, root);
}

/** `, not "loud"`, unless that would show a secret. */
function butIs(path: readonly string[], actual: unknown): string {
  if (path.some(isSecretName) || (typeof actual === 'object' && actual !== null)) {
    return '';
  }
  const shown = typeof actual === 'string' ? JSON.stringify(actual) : String(actual);
  return `, not ${shown.length > MAX_SHOWN_CHARACTERS ? `${shown.slice(0, MAX_SHOWN_CHARACTERS)}…` : shown}`;
}

function wrongChoice(path: readonly string[], actual: unknown, choices: readonly unknown[]): string {
  const names = choices.map(String);
  const nearest = typeof actual === 'string' ? nearestName(actual, names) : undefined;
  const suggestion = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  return `must be ${names.length === 1 ? '' : 'one of '}${names.join(', ')}${butIs(path, actual)}${suggestion}`;
}

const SIZE_UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries', set: ' entries' };

/** An object of the configuration: which shape it has, where there are several, and which keys could still be added. */
function objectAt(
  root: Place,
  values: unknown,
  path: readonly string[],
): { shape: string | undefined; missing: readonly string[] } {
  let place = root;
  let value = values;
  for (const key of path) {
    place = childOf(isRecord(value) ? shapesFor(place, value) : place, key);
    value = valueAt(value, [key]);
  }
  const object = isRecord(value) ? value : {};
  const keys = keysOf(shapesFor(place, object));
  const shape = object[discriminatorOf(place) ?? ''];
  return {
    shape: typeof shape === 'string' ? shape : undefined,
    missing: keys === undefined || keys === 'any' ? [] : keys.filter((key) => !Object.hasOwn(object, key)),
  };
}

function explainIssue(
  issue: z.core.$ZodIssue,
  root: Place,
  values: unknown,
  parent: readonly string[],
): ExplainedIssue[] {
  const path = [...parent, ...issue.path.map(String)];
  const actual = valueAt(values, path);
  const say = (message: string): ExplainedIssue[] => [{ path, message }];
  if (!/^(Invalid|Too|Unrecognized)/.test(issue.message)) {
    // The schema's author wrote it for this very case.
    return say(issue.message);
  }
  switch (issue.code) {
    case 'unrecognized_keys': {
      const { shape, missing } = objectAt(root, values, path);
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `is no key ${shape === undefined ? 'here' : `of ${shape}`}${suggestName(key, missing)}`,
      }));
    }
    case 'invalid_type':
      return say(
        actual === undefined
          ? 'is required'
          : `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}${butIs(path, actual)}`,
      );
    case 'invalid_value':
      return say(actual === undefined ? 'is required' : wrongChoice(path, actual, issue.values));
    case 'too_small':
      return say(
        `must ${issue.origin in SIZE_UNITS ? 'have' : 'be'} ${issue.inclusive === false ? 'more than' : 'at least'} ` +
          `${issue.minimum}${SIZE_UNITS[issue.origin] ?? ''}${butIs(path, actual)}`,
      );
    case 'too_big':
      return say(
        `must ${issue.origin in SIZE_UNITS ? 'have' : 'be'} ${issue.inclusive === false ? 'less than' : 'at most'} ` +
          `${issue.maximum}${SIZE_UNITS[issue.origin] ?? ''}${butIs(path, actual)}`,
      );
    case 'invalid_format':
      if (issue.format === 'regex') {
        return say(`must match ${issue.pattern}${butIs(path, actual)}`);
      }
      // A URL may be well formed and still have the wrong protocol; then the pattern is that of the protocol.
      return say(
        issue.pattern === undefined || issue.format !== 'url'
          ? `must be a valid ${issue.format}${butIs(path, actual)}`
          : `must be a URL whose protocol matches ${issue.pattern}${butIs(path, actual)}`,
      );
    case 'invalid_union': {
      if ('options' in issue && Array.isArray(issue.options)) {
        return say(wrongChoice(path, actual, issue.options));
      }
      const branches = issue.errors.map((errors) =>
        errors.flatMap((error) => explainIssue(error, root, values, path)).map(({ message }) => message),
      );
      return say(branches.map((messages) => messages.join(' and ')).join(', or '));
    }
    default:
      return say(issue.message);
  }
}

/** What a schema found wrong with the values of a configuration, for readers who never saw the schema. */
export function explainIssues(issues: readonly z.core.$ZodIssue[], root: Place, values: unknown): ExplainedIssue[] {
  return issues.flatMap((issue) => explainIssue(issue, root, values, []));
}
