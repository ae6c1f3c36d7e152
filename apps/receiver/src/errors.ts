import { SemcastError } from '@semcast/core';
import { CLOSE_CODES, WireError, type DropReason } from '@semcast/wire';

/** `E_FRAME_DROPPED`: a frame ends without a result; `reason` is what the sender and the metrics are told. */
export class FrameDropError extends SemcastError {
  override readonly name = 'FrameDropError';
  readonly reason: DropReason;

  constructor(reason: DropReason, detail: string, options: { cause?: unknown } = {}) {
    super('E_FRAME_DROPPED', detail, options);
    this.reason = reason;
  }
}

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
export class OutputDirError extends SemcastError {
  override readonly name = 'OutputDirError';

  constructor(dir: string, cause: unknown) {
    super('E_OUTPUT_DIR', `"${dir}" can't be written to: ${cause instanceof Error ? cause.message : String(cause)}`, {
      remedy: 'set outputDir to a folder that this process may write to, or leave it out',
      cause,
    });
  }
}

/** `E_DECODER_GRAPHS`: the configuration names a decoder for which the bundle has no graphs. */
export class DecoderGraphsError extends SemcastError {
  override readonly name = 'DecoderGraphsError';

  constructor(decoder: string, missing: readonly string[], bundle: string) {
    super(
      'E_DECODER_GRAPHS',
      `the decoder "${decoder}" needs ${missing.join(', ')}, which the bundle ${bundle} lacks`,
      {
        remedy: `take "${decoder}" out of decoders, or give a bundle that has them`,
      },
    );
  }
}
