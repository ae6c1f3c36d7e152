import type { DropHead, ResultHead, ResultMessage, ResultStage } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { FrameEndedError } from './errors.js';
import { ResultDesk } from './result-desk.js';

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

describe('ResultDesk', () => {
  it('hands each frame its own previews and its result', async () => {
    const desk = new ResultDesk();
    const seen: string[] = [];
    const first = desk.expect(1, ({ head }) => seen.push(`1 ${head.stage}`), never);
    const second = desk.expect(2, ({ head }) => seen.push(`2 ${head.stage}`), never);
    desk.deliverResult(result(2, 'preview'));
    desk.deliverResult(result(1, 'intermediate'));
    desk.deliverResult(result(2, 'final'));
    desk.deliverResult(result(1, 'final'));
    expect([(await first).head.frame, (await second).head.frame]).toEqual([1, 2]);
    expect(seen).toEqual(['2 preview', '1 intermediate']);
    expect(desk.size).toBe(0);
  });

  it('ends a dropped frame with the reason and words of who dropped it', async () => {
    const desk = new ResultDesk();
    const dropped = desk.expect(1, nothing, never);
    desk.deliverDrop(drop(1));
    await expect(dropped).rejects.toBeInstanceOf(FrameEndedError);
    await expect(dropped).rejects.toMatchObject({
      reason: 'deadline',
      message: 'too late',
      byPeer: true,
      isFinal: true,
    });
    expect(desk.size).toBe(0);
  });

  it('ends a frame whose signal fires, and takes nothing for it any more', async () => {
    const desk = new ResultDesk();
    const abort = new AbortController();
    const cancelled = desk.expect(1, nothing, abort.signal);
    abort.abort(new FrameEndedError('cancelled', 'no more'));
    await expect(cancelled).rejects.toThrow('no more');
    desk.deliverResult(result(1, 'final'));
    desk.deliverDrop(drop(1));
    expect(desk.size).toBe(0);
    await expect(desk.expect(1, nothing, abort.signal)).rejects.toThrow('no more');
  });

  it('forgets a frame that failed elsewhere, and ignores frames that it does not know', () => {
    const desk = new ResultDesk();
    void desk.expect(1, nothing, never);
    desk.forget(1);
    desk.forget(1);
    desk.deliverResult(result(1, 'preview'));
    desk.deliverResult(result(7, 'final'));
    desk.deliverDrop(drop(7));
    expect(desk.size).toBe(0);
  });
});
