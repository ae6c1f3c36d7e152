import { readIq, type FrameHead, type FrameMessage, FrameDropError } from '@semcast/wire';
import type { ComplexVector } from '@semcast/core';

/** A frame as a transmitter put it on the air. */
export interface SentFrame {
  readonly head: FrameHead;
  /** z, nominally of unit mean power per complex sample. */
  readonly samples: ComplexVector;
}

/**
 * Take a transmitter's frame off the socket: the channel uses only its samples.
 *
 * @throws FrameDropError when the frame has been through a channel already
 */
export function receiveFrame(message: FrameMessage): SentFrame {
  if (message.head.impairment !== undefined) {
    throw new FrameDropError(
      'invalid-frame',
      'the frame has been through a channel already; channels can not be chained',
    );
  }
  return { head: message.head, samples: readIq(message).samples };
}
