import { SemcastError } from '@semcast/core';
import { CLOSE_CODES, WireError, type DropReason } from '@semcast/wire';

/** `E_CHANNEL_UPDATE`: the body of `PUT /channel` makes no channel; the message names each key that was wrong. */
export class ChannelUpdateError extends SemcastError {
  override readonly name = 'ChannelUpdateError';
  readonly statusCode = 400;

  constructor(message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super('E_CHANNEL_UPDATE', message, {
      remedy:
        options.remedy ??
        'GET /channel shows what is in force; send only the keys to change, for example {"snr":{"name":"constant","snrDb":5}}',
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
  }
}

/** `E_TRACE_FILE`: the CSV file of an SNR trace can't be read. */
export class TraceFileError extends SemcastError {
  override readonly name = 'TraceFileError';

  constructor(file: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super('E_TRACE_FILE', `the SNR trace "${file}" can't be read: ${why}`, {
      remedy: 'set traceFile to a CSV file with the header "frame,snr_db" or "snr_db" that this process may read',
      cause,
    });
  }
}

/** `E_RECEIVER_AWAY`: no receiver answers behind the channel, or it doesn't let the channel in. */
export class ReceiverAwayError extends WireError {
  override readonly name = 'ReceiverAwayError';

  constructor(url: string, why: string, options: { remedy?: string; cause?: unknown } = {}) {
    super('E_RECEIVER_AWAY', CLOSE_CODES.tryAgain, `the receiver at ${url} is away: ${why}`, {
      remedy:
        options.remedy ??
        'start the receiver, or set receiverUrl of the channel to where it listens; clients connect again by themselves',
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
  }
}

/** `E_FRAME_DROPPED`: a frame ends here; `reason` is what its sender and the metrics are told. */
export abstract class FrameDropError extends SemcastError {
  abstract readonly reason: DropReason;

  constructor(detail: string) {
    super('E_FRAME_DROPPED', detail);
  }
}

/** A frame that can't be sent over the channel. */
export class InvalidFrameError extends FrameDropError {
  override readonly name = 'InvalidFrameError';
  override readonly reason = 'invalid-frame';
}

/** The channel lost a whole frame, with the configured probability. */
export class LostFrameError extends FrameDropError {
  override readonly name = 'LostFrameError';
  override readonly reason = 'channel-loss';

  constructor(probability: number) {
    super(`the channel lost the frame (loss probability ${probability})`);
  }
}
