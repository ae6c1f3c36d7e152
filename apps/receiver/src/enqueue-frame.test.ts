import { describe, expect, it } from 'vitest';
import { DecodeQueue, enqueueFrame, type Turn } from './enqueue-frame.js';

const never = new AbortController().signal;

describe('DecodeQueue', () => {
  it('admits as many as it has places, and streams in turns after that', async () => {
    const depths: number[] = [];
    const queue = new DecodeQueue({ places: 2, onDepth: (depth) => depths.push(depth) });
    const order: string[] = [];
    const turns: Turn[] = [];
    const enter = async (name: string): Promise<void> => {
      turns.push(await enqueueFrame(queue, name.slice(0, 1), never));
      order.push(name);
    };
    const all = ['a1', 'a2', 'a3', 'a4', 'b1'].map(enter);
    await Promise.resolve();
    expect(order).toEqual(['a1', 'a2']);
    expect([queue.decoding, queue.waiting]).toEqual([2, 3]);
    while (turns.length > 0) {
      turns.shift()!.end();
      // One macrotask lets the admitted ones go on.
      await new Promise(setImmediate);
    }
    await Promise.all(all);
    expect(order).toEqual(['a1', 'a2', 'a3', 'b1', 'a4']);
    expect([queue.decoding, queue.waiting]).toEqual([0, 0]);
    expect(Math.max(...depths)).toBe(3);
    expect(depths.at(-1)).toBe(0);
  });

  it('frees a place once, however often its turn is ended', async () => {
    const queue = new DecodeQueue({ places: 1 });
    const turn = await queue.enter('a', never);
    turn.end();
    turn.end();
    await queue.enter('a', never);
    expect(queue.decoding).toBe(1);
  });

  it('lets a waiting frame go when its signal fires, with the reason given', async () => {
    const queue = new DecodeQueue({ places: 1 });
    const first = await queue.enter('a', never);
    const controller = new AbortController();
    const second = queue.enter('a', controller.signal);
    const third = queue.enter('a', never);
    const reason = new Error('too late');
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(queue.waiting).toBe(1);
    first.end();
    expect((await third).waitedMs).toBeGreaterThanOrEqual(0);
    expect(() => queue.enter('a', controller.signal)).toThrow(reason);
  });

  it('does not take a place back from a frame that is aborted later', async () => {
    const queue = new DecodeQueue({ places: 1 });
    const controller = new AbortController();
    const turn = await queue.enter('a', controller.signal);
    controller.abort(new Error('late'));
    expect(queue.decoding).toBe(1);
    turn.end();
    expect(queue.decoding).toBe(0);
  });
});
