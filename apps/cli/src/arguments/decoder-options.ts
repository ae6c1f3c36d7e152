import { UsageError } from '../errors.js';
import { many, type ManyFlag } from './spec.js';

/** One option of a decoder as it was typed: `eta=0.2`, or `diffcom.eta=0.2` for that decoder alone. */
export interface DecoderOption {
  /** Undefined: for every decoder that has such an option. */
  readonly decoder: string | undefined;
  readonly name: string;
  readonly value: number | string | boolean;
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** Numbers and `true` and `false` are what they look like, all else is a name: an option's schema decides in the end. */
function readValue(text: string): number | string | boolean {
  if (NUMBER.test(text)) {
    return Number(text);
  }
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

/** `NAME=VALUE` or `DECODER.NAME=VALUE`. @throws UsageError */
export function parseDecoderOption(text: string): DecoderOption {
  const [, decoder, name, value] = /^(?:([A-Za-z0-9-]+)\.)?([A-Za-z0-9]+)=(.+)$/.exec(text.trim()) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`"${text}" is no option of a decoder`, {
      remedy: 'write NAME=VALUE, or DECODER.NAME=VALUE for one decoder alone: steps=8, diffcom.eta=0.2',
    });
  }
  return { decoder, name, value: readValue(value.trim()) };
}

export function decoderOptionFlag(): ManyFlag<DecoderOption> {
  return many(
    'NAME=VALUE',
    parseDecoderOption,
    'option of the decoder, or DECODER.NAME=VALUE for one alone: docs/samplers.md lists them',
  );
}
