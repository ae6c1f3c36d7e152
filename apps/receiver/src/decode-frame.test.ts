import { CancelledError, InferenceError, QueueFullError } from '@semcast/bundle';
import { DeliveryCancelled, FrameDropError } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { asDrop, orDrop } from './decode-frame.js';

const never = new AbortController().signal;

describe('orDrop', () => {
  it('gives what was run', async () => {
    expect(await orDrop(never, Promise.resolve(7))).toBe(7);
  });

  it.each([
    ['a network that failed', new InferenceError('it broke'), 'decode-failed'],
    ['a full pool', new QueueFullError('full'), 'queue-full'],
    ['a cancelled run', new CancelledError('stopped'), 'cancelled'],
    ['a stream that is gone', new DeliveryCancelled('gone'), 'cancelled'],
    ['anything else', new RangeError('odd'), 'decode-failed'],
    ['a drop', new FrameDropError('unknown-rate', 'no'), 'unknown-rate'],
  ])('names %s', async (_, error, reason) => {
    const failure = orDrop(never, Promise.reject(error));
    await expect(failure).rejects.toMatchObject({ reason, message: expect.stringContaining(error.message) as string });
    expect(asDrop(error).reason).toBe(reason);
  });

  it('blames the signal, not what the signal did to the networks', async () => {
    const controller = new AbortController();
    controller.abort(new FrameDropError('deadline', 'too late'));
    const run = orDrop(controller.signal, Promise.reject(new CancelledError('the run was cancelled')));
    await expect(run).rejects.toMatchObject({ reason: 'deadline' });
  });

  it('throws away a result that nobody wants any more', async () => {
    const controller = new AbortController();
    controller.abort(new FrameDropError('deadline', 'too late'));
    const run = orDrop(controller.signal, Promise.resolve(1));
    await expect(run).rejects.toMatchObject({ reason: 'deadline' });
  });
});
