import { parseDecoderOption, type DecoderOption } from '../arguments/decoder-options.js';
import { many, type ManyFlag } from '../arguments/spec.js';

/** `--decoder-option`, the same for every command that has decoders. */
export function decoderOptionFlag(): ManyFlag<DecoderOption> {
  return many(
    'NAME=VALUE',
    parseDecoderOption,
    'option of the decoder, or DECODER.NAME=VALUE for one alone: docs/samplers.md lists them',
  );
}
