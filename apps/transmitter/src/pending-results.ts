import type { DropHead, ResultMessage } from '@semcast/wire';
import { abortable } from './abortable.js';
import { FrameEndedError } from './errors.js';

interface Expected {
  readonly onPreview: (result: ResultMessage) => void;
  readonly resolve: (result: ResultMessage) => void;
  readonly reject: (error: Error) => void;
}

/** Hands results and drops that come over the link to the frames that wait for them. */
export class PendingResults {
  readonly #expected = new Map<number, Expected>();

  /**
   * Wait for a frame's final result.
   *
   * @param onPreview called for each preview and intermediate result
   * @throws FrameEndedError when the frame is dropped on its way, the signal's reason when it fires first
   */
  async expect(frame: number, onPreview: Expected['onPreview'], signal: AbortSignal): Promise<ResultMessage> {
    const result = new Promise<ResultMessage>((resolve, reject) => {
      this.#expected.set(frame, { onPreview, resolve, reject });
    });
    try {
      return await abortable(result, signal);
    } finally {
      this.forget(frame);
    }
  }

  /** Nobody waits for this frame any more; its promise stays as it is. */
  forget(frame: number): void {
    this.#expected.delete(frame);
  }

  deliverResult(result: ResultMessage): void {
    const expected = this.#expected.get(result.head.frame);
    if (result.head.stage === 'final') {
      expected?.resolve(result);
    } else {
      expected?.onPreview(result);
    }
  }

  deliverDrop({ frame, reason, detail }: DropHead): void {
    this.#expected.get(frame)?.reject(new FrameEndedError(reason, detail, { byPeer: true }));
  }
}
