import { CancelledError, QueueFullError } from '@semcast/bundle';
import { describeError } from '@semcast/core';
import { DeliveryCancelled } from '@semcast/wire';
import type { DecodeContext, DecodedPicture, DecoderNetworks } from './decoders/decoder.js';
import type { Observation } from './demodulate-frame.js';
import { FrameDropError } from './errors.js';
import type { ReceivedFrame } from './receive-frame.js';

/**
 * Decode a frame with the decoder that it asks for.
 *
 * @throws FrameDropError `queue-full` or `decode-failed`; the signal's reason when it fired
 */
export async function decodeFrame(
  { decoder, options }: ReceivedFrame,
  observation: Observation,
  networks: DecoderNetworks,
  context: DecodeContext,
): Promise<DecodedPicture> {
  return orDrop(context.signal, () => decoder.decode(observation, networks, options, context));
}

/**
 * Run something that uses the networks; whatever goes wrong there ends the frame for a reason that has a name.
 *
 * @throws as {@link decodeFrame}
 */
export async function orDrop<Result>(signal: AbortSignal, run: () => Promise<Result>): Promise<Result> {
  try {
    signal.throwIfAborted();
    const result = await run();
    signal.throwIfAborted();
    return result;
  } catch (error) {
    // Who fired the signal knows the reason; that the networks stopped is only the consequence.
    const cause: unknown = signal.aborted ? signal.reason : error;
    throw asDrop(cause);
  }
}

/** Any failure as the drop that it amounts to. */
export function asDrop(cause: unknown): FrameDropError {
  if (cause instanceof FrameDropError) {
    return cause;
  }
  if (cause instanceof DeliveryCancelled || cause instanceof CancelledError) {
    return new FrameDropError('cancelled', cause.message, { cause });
  }
  if (cause instanceof QueueFullError) {
    return new FrameDropError('queue-full', describeError(cause), { cause });
  }
  return new FrameDropError('decode-failed', describeError(cause), { cause });
}
