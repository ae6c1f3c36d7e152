import { useEffect, useState } from 'preact/hooks';

/** The part of JSON Schema that options of models, schedules and decoders use. */
export interface OptionSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  /** Of the option `preset`: what each preset has in place of the defaults. */
  readonly presets?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The options that a schema has, with the defaults of a preset; one choice alone is no option. */
export function optionsOf(schema: unknown, preset?: unknown): readonly (readonly [string, OptionSchema])[] {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) {
    return [];
  }
  const options = schema.properties as Readonly<Record<string, OptionSchema>>;
  const chosen = options['preset']?.presets?.[String(preset)] ?? {};
  return Object.entries(options)
    .filter(([, { enum: choices }]) => choices?.length !== 1)
    .map(([name, option]) => [name, name in chosen ? { ...option, default: chosen[name] } : option]);
}

interface FieldsProps {
  readonly options: readonly (readonly [string, OptionSchema])[];
  readonly values: Readonly<Record<string, unknown>>;
  readonly onChange: (name: string, value: unknown) => void;
}

/** A field for each option, with what it is below it while one is there. */
export function OptionFields({ options, values, onChange }: FieldsProps) {
  return (
    <>
      {options.map(([name, schema]) => (
        <label key={name} class="field">
          <span>
            {inWords(name)}
            {isShare(schema) ? ` ${written(values[name] ?? schema.default)}` : ''}
            {inWords(name) === name ? null : <small> {name}</small>}
          </span>
          <OptionField name={name} schema={schema} value={values[name] ?? schema.default} onChange={onChange} />
          {schema.description === undefined ? null : <small class="hint">{schema.description}</small>}
        </label>
      ))}
    </>
  );
}

function OptionField({
  name,
  schema,
  value,
  onChange,
}: {
  readonly name: string;
  readonly schema: OptionSchema;
  readonly value: unknown;
  readonly onChange: (name: string, value: unknown) => void;
}) {
  if (schema.enum !== undefined) {
    const choices = schema.enum.map(String);
    return <Choice name={name} value={String(value)} choices={choices} onChoose={(chosen) => onChange(name, chosen)} />;
  }
  if (schema.type === 'boolean') {
    return (
      <input
        type="checkbox"
        name={name}
        checked={value === true}
        onChange={({ currentTarget }) => onChange(name, currentTarget.checked)}
      />
    );
  }
  if (isShare(schema)) {
    return (
      <input
        type="range"
        name={name}
        min="0"
        max="1"
        step="0.05"
        value={Number(value)}
        onChange={({ currentTarget }) => onChange(name, Number(currentTarget.value))}
      />
    );
  }
  return <Typed name={name} value={value} schema={schema} onCommit={(typed) => onChange(name, typed)} />;
}

/** What is wrong with a value, as a sentence; null where nothing is. What is more than a range is the service's to judge. */
export function problemOf(
  { type, minimum, exclusiveMinimum, maximum, exclusiveMaximum }: OptionSchema,
  value: unknown,
): string | null {
  if (type !== 'number' && type !== 'integer') {
    return null;
  }
  if (typeof value !== 'number') {
    return 'This has to be a number.';
  }
  if (type === 'integer' && !Number.isInteger(value)) {
    return 'This has to be a whole number.';
  }
  if (minimum !== undefined && value < minimum) {
    return `This has to be at least ${written(minimum)}.`;
  }
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
    return `This has to be more than ${written(exclusiveMinimum)}.`;
  }
  if (maximum !== undefined && value > maximum) {
    return `This has to be at most ${written(maximum)}.`;
  }
  return exclusiveMaximum !== undefined && value >= exclusiveMaximum
    ? `This has to be less than ${written(exclusiveMaximum)}.`
    : null;
}

/** A number between 0 and 1 is set with a slider. */
function isShare({ type, minimum, maximum }: OptionSchema): boolean {
  return type === 'number' && minimum === 0 && maximum === 1;
}

/** One of several names. */
export function Choice({
  name,
  value,
  choices,
  title,
  disabled,
  onChoose,
}: {
  readonly name: string;
  readonly value: string;
  readonly choices: readonly string[];
  readonly title?: string | undefined;
  /** A choice that is shown and can't be made. */
  readonly disabled?: string;
  readonly onChoose: (chosen: string) => void;
}) {
  return (
    <select name={name} value={value} title={title} onChange={({ currentTarget }) => onChoose(currentTarget.value)}>
      {choices.map((choice) => (
        <option key={choice} value={choice} disabled={choice === disabled}>
          {choice}
        </option>
      ))}
    </select>
  );
}

/**
 * A field whose text counts when it is left, or at Enter, and is nothing that its schema forbids: then a sentence says so,
 * until it is right. Numbers are handed on as numbers, all else as it is.
 */
export function Typed({
  name,
  value,
  schema = {},
  label,
  onCommit,
}: {
  readonly name: string;
  readonly value: unknown;
  readonly schema?: OptionSchema;
  /** Where no label is around it. */
  readonly label?: string;
  readonly onCommit: (value: unknown) => void;
}) {
  const current = written(value);
  const [text, setText] = useState(current);
  useEffect(() => setText(current), [current]);
  const trimmed = text.trim();
  const typed = trimmed !== '' && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
  const problem = text === current ? null : problemOf(schema, typed);
  const commit = (): void => {
    if (text !== current && problem === null) {
      onCommit(typed);
    }
  };
  return (
    <span class="typed">
      <input
        type="text"
        inputMode="decimal"
        autoComplete="off"
        name={name}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === 'Enter') {
            commit();
          } else if (event.key === 'Escape') {
            setText(current);
          }
        }}
        aria-label={label}
        aria-invalid={problem !== null}
      />
      {problem === null ? null : (
        <small role="alert" data-problem={name}>
          {problem}
        </small>
      )}
    </span>
  );
}

/** Five digits of a number are enough to read; what isn't touched stays as it is. */
function written(value: unknown): string {
  if (typeof value === 'number') {
    return String(Number(value.toPrecision(5)));
  }
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '';
}

/** `periodFrames` → `period frames`, `kFactorDb` → `k factor dB`. */
function inWords(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`)
    .replace(/ db$/, ' dB')
    .replace(/ hz$/, ' Hz');
}
