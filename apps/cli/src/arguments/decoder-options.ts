import { UsageError } from '../errors.js';

/** What was typed after `--decoder-option`. */
export interface DecoderOption {
  /** The decoder that it is for; undefined: every decoder of the command. */
  readonly decoder: string | undefined;
  readonly name: string;
  readonly value: number | string | boolean;
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/**
 * `NAME=VALUE` for every decoder of a command, `DECODER.NAME=VALUE` for one of them. A value that looks like a number
 * is one, `true` and `false` are booleans, anything else is text. Whether the decoder has such an option is its
 * schema's to say.
 *
 * @throws UsageError
 */
export function parseDecoderOption(text: string): DecoderOption {
  const parts = /^(?:(?<decoder>[a-z][a-z0-9-]*)\.)?(?<name>[A-Za-z][A-Za-z0-9]*)=(?<value>.+)$/s.exec(text)?.groups;
  if (parts === undefined) {
    throw new UsageError(`"${text}" is no option of a decoder`, {
      remedy: 'write NAME=VALUE, or DECODER.NAME=VALUE for one decoder only',
    });
  }
  return { decoder: parts['decoder'], name: parts['name']!, value: optionValue(parts['value']!) };
}

/** A number, a boolean, or text. */
export function optionValue(text: string): number | string | boolean {
  if (text === 'true' || text === 'false') {
    return text === 'true';
  }
  return NUMBER.test(text) ? Number(text) : text;
}
