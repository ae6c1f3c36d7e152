import type { DropHead, ResultHead, ResultMessage, ResultStage } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { FrameEndedError } from './errors.js';
import { PendingResults } from './pending-results.js';

const never = new AbortController().signal;
const nothing = (): void => undefined;

function result(frame: number, stage: ResultStage): ResultMessage {
  const head: ResultHead = {
    stream: 'cam-1',
    frame,
    stage,
    decoder: 'jscc',
    image: { format: 'raw', width: 1, height: 1 },
    steps: 0,
    csnrDb: { estimated: null },
    residual: null,
    timingsMs: { queue: 0, preview: 0, decode: 0, total: 0 },
  };
  return { kind: 'result', head, payload: new Uint8Array(3) };
}

const drop = (frame: number): DropHead => ({ stream: 'cam-1', frame, reason: 'deadline', detail: 'too late' });

describe('PendingResults', () => {
  it('hands each frame its own previews and its result', async () => {
    const pending = new PendingResults();
    const seen: string[] = [];
    const first = pending.expect(1, ({ head }) => seen.push(`1 ${head.stage}`), never);
    const second = pending.expect(2, ({ head }) => seen.push(`2 ${head.stage}`), never);
    pending.deliverResult(result(2, 'preview'));
    pending.deliverResult(result(1, 'intermediate'));
    pending.deliverResult(result(2, 'final'));
    pending.deliverResult(result(1, 'final'));
    expect([(await first).head.frame, (await second).head.frame]).toEqual([1, 2]);
    expect(seen).toEqual(['2 preview', '1 intermediate']);
  });

  it('ends a dropped frame with the reason and message of who dropped it', async () => {
    const pending = new PendingResults();
    const dropped = pending.expect(1, nothing, never);
    pending.deliverDrop(drop(1));
    await expect(dropped).rejects.toBeInstanceOf(FrameEndedError);
    await expect(dropped).rejects.toMatchObject({
      reason: 'deadline',
      message: 'too late',
      byPeer: true,
      isFinal: true,
    });
  });

  it('ends a frame whose signal fires, and takes nothing for it any more', async () => {
    const pending = new PendingResults();
    const abort = new AbortController();
    const cancelled = pending.expect(1, nothing, abort.signal);
    abort.abort(new FrameEndedError('cancelled', 'no more'));
    await expect(cancelled).rejects.toThrow('no more');
    pending.deliverResult(result(1, 'final'));
    pending.deliverDrop(drop(1));
    await expect(pending.expect(1, nothing, abort.signal)).rejects.toThrow('no more');
  });

  it('forgets a frame that failed elsewhere, and ignores frames that it does not know', () => {
    const pending = new PendingResults();
    let seen = 0;
    void pending.expect(1, () => seen++, never);
    pending.forget(1);
    pending.forget(1);
    pending.deliverResult(result(1, 'preview'));
    pending.deliverResult(result(7, 'final'));
    pending.deliverDrop(drop(7));
    expect(seen).toBe(0);
  });
});
