import { CancelledError, QueueFullError } from '@semcast/bundle';
import { describeError } from '@semcast/core';
import { DeliveryCancelled, FrameDropError } from '@semcast/wire';
import type { DecodeContext, DecodedPicture, GuidedSteps, OneShotDecode } from './decoders/decoder.js';
import type { OneShotPicture } from './step-runner.js';
import type { ReceivedFrame } from './receive-frame.js';

/**
 * From the one-shot decode to the picture: with the decoder that the frame asks for.
 *
 * @throws FrameDropError with the reason that the sender is told
 */
export async function decodeFrame(
  { decoder, options, plan }: ReceivedFrame,
  { image, xJ, lost }: OneShotPicture,
  start: Omit<OneShotDecode, 'xJ'>,
  steps: GuidedSteps,
  context: DecodeContext,
): Promise<DecodedPicture> {
  const { refinement } = decoder;
  if (refinement === undefined || plan === null || xJ === null) {
    return { image, steps: 0, ...(lost !== undefined && { lost }) };
  }
  return orDrop(context.signal, refinement.run({ ...start, xJ }, steps, { options, plan }, context));
}

/**
 * Run something that uses the networks, and turn every failure into a drop with a reason.
 *
 * @throws as {@link decodeFrame}
 */
export async function orDrop<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  try {
    const result = await work;
    signal.throwIfAborted();
    return result;
  } catch (error) {
    // The signal has the reason; the failure of the networks is only its consequence.
    const cause: unknown = signal.aborted ? signal.reason : error;
    throw asDrop(cause);
  }
}

/** Any failure as a drop. */
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
