import { errorClass } from '@semcast/core';
import { CLOSE_CODES, WireError } from '@semcast/wire';

/** `E_UNKNOWN_DECODER`: a hello asked for a decoder that this receiver doesn't have. */
export class UnknownDecoderError extends WireError {
  override readonly name = 'UnknownDecoderError';

  constructor(decoder: string, known: readonly string[]) {
    super('E_UNKNOWN_DECODER', CLOSE_CODES.notOffered, `this receiver has no decoder "${decoder}"`, {
      remedy: `ask for one of: ${known.join(', ')}`,
    });
  }
}

/** `E_OUTPUT_DIR`: the folder for decoded pictures can't be made or written to. */
export class OutputDirError extends errorClass(
  'OutputDirError',
  'E_OUTPUT_DIR',
  'set outputDir to a folder that this process may write to, or leave it out',
) {}

/** `E_DECODER_GRAPHS`: the configuration names a decoder for which the bundle has no graphs. */
export class DecoderGraphsError extends errorClass('DecoderGraphsError', 'E_DECODER_GRAPHS') {}
