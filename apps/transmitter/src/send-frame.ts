import type { ClientLink, FrameHead, ResultMessage } from '@semcast/wire';
import type { PendingResults } from './pending-results.js';

export interface SendFrameOptions {
  readonly link: ClientLink;
  readonly pending: PendingResults;
  readonly signal: AbortSignal;
  /** A credit was there, and the frame is on its way. */
  readonly onSent: () => void;
  readonly onPreview: (result: ResultMessage) => void;
}

/**
 * Send a frame when there is a credit for it, and wait for its final result, over as many links as it takes.
 *
 * @throws FrameEndedError when it is dropped on its way; the link's errors; the signal's reason
 */
export async function sendFrame(
  head: FrameHead,
  payload: readonly Uint8Array[],
  { link, pending, signal, onSent, onPreview }: SendFrameOptions,
): Promise<ResultMessage> {
  // Registered before the frame is sent, because the answer may come before the promise that says "sent".
  const result = pending.expect(head.frame, onPreview, signal);
  const sent = link.send({ head, payload }, { signal }).then(onSent);
  try {
    // Whichever fails first ends the frame.
    const [message] = await Promise.all([result, sent]);
    return message;
  } finally {
    pending.forget(head.frame);
  }
}
