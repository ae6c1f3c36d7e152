import type { DropHead, ResultMessage } from '@semcast/wire';
import { FrameEndedError } from './errors.js';

interface Expected {
  readonly leave: () => void;
  readonly onPreview: (result: ResultMessage) => void;
  readonly resolve: (result: ResultMessage) => void;
  readonly reject: (error: Error) => void;
}

/** Hands results and drops that come over the link to the frames that wait for them. */
export class PendingResults {
  readonly #expected = new Map<number, Expected>();

  /** Frames that wait. */
  get size(): number {
    return this.#expected.size;
  }

  /**
   * Wait for a frame's final result.
   *
   * @param onPreview called for each preview and intermediate result
   * @throws FrameEndedError when the frame is dropped on its way, the signal's reason when it fires first
   */
  expect(frame: number, onPreview: (result: ResultMessage) => void, signal: AbortSignal): Promise<ResultMessage> {
    return new Promise<ResultMessage>((resolve, reject) => {
      signal.throwIfAborted();
      const leave = (): void => {
        this.#expected.delete(frame);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#expected.set(frame, {
        leave,
        onPreview,
        resolve: (result) => {
          leave();
          resolve(result);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      });
    });
  }

  /** Nobody waits for this frame any more; its promise stays as it is. */
  forget(frame: number): void {
    this.#expected.get(frame)?.leave();
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
