import { describe, expect, it } from 'vitest';
import { DecodeRoom, enqueueFrame, type Room } from './enqueue-frame.js';

const never = new AbortController().signal;

describe('DecodeRoom', () => {
  it('lets in what fits, and streams in turns after that', async () => {
    const depths: number[] = [];
    const room = new DecodeRoom({ maxPixels: 20, onWaiting: (depth) => depths.push(depth) });
    const order: string[] = [];
    const places: Room[] = [];
    const enter = async (name: string): Promise<void> => {
      places.push(await enqueueFrame(room, { stream: name.slice(0, 1), pixels: 10 }, never));
      order.push(name);
    };
    const all = ['a1', 'a2', 'a3', 'a4', 'b1'].map(enter);
    await Promise.resolve();
    expect(order).toEqual(['a1', 'a2']);
    expect([room.frames, room.pixels, room.waiting]).toEqual([2, 20, 3]);
    while (places.length > 0) {
      places.shift()!.end();
      // One macrotask lets the admitted ones go on.
      await new Promise(setImmediate);
    }
    await Promise.all(all);
    expect(order).toEqual(['a1', 'a2', 'a3', 'b1', 'a4']);
    expect([room.frames, room.pixels, room.waiting]).toEqual([0, 0, 0]);
    expect(Math.max(...depths)).toBe(3);
    expect(depths.at(-1)).toBe(0);
  });

  it('lets a large frame in when its turn has come, and smaller ones not before it', async () => {
    const room = new DecodeRoom({ maxPixels: 10 });
    const order: string[] = [];
    const enter = async (stream: string, pixels: number): Promise<Room> => {
      const place = await room.enter(stream, pixels, never);
      order.push(stream);
      return place;
    };
    const small = await enter('a', 4);
    const large = enter('b', 9);
    const next = enter('c', 4);
    await new Promise(setImmediate);
    expect(order).toEqual(['a']);
    small.end();
    (await large).end();
    await next;
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('lets a frame in that is larger than all the room there is, alone', async () => {
    const room = new DecodeRoom({ maxPixels: 10 });
    const place = await room.enter('a', 11, never);
    const other = room.enter('a', 1, never);
    expect([room.frames, room.waiting]).toEqual([1, 1]);
    place.end();
    expect(await other).toBeDefined();
  });

  it('frees room once, however often it is given back', async () => {
    const room = new DecodeRoom({ maxPixels: 1 });
    const place = await room.enter('a', 1, never);
    place.end();
    place.end();
    await room.enter('a', 1, never);
    expect([room.frames, room.pixels]).toEqual([1, 1]);
  });

  it.each(['the next one', 'another one'])('lets a waiting frame go when its signal fires (%s)', async (which) => {
    const room = new DecodeRoom({ maxPixels: 10 });
    const first = await room.enter('a', 10, never);
    const controller = new AbortController();
    const going = (order: string): AbortSignal => (order === which ? controller.signal : never);
    const waiting = [room.enter('a', 10, going('the next one')), room.enter('a', 10, going('another one'))];
    const reason = new Error('too late');
    controller.abort(reason);
    const [gone, stays] = which === 'the next one' ? waiting : waiting.toReversed();
    await expect(gone).rejects.toBe(reason);
    expect(room.waiting).toBe(1);
    first.end();
    await stays;
    expect([room.frames, room.waiting]).toEqual([1, 0]);
    expect(() => room.enter('a', 1, controller.signal)).toThrow(reason);
  });

  it('does not take room back from a frame that is aborted later', async () => {
    const room = new DecodeRoom({ maxPixels: 1 });
    const controller = new AbortController();
    const place = await room.enter('a', 1, controller.signal);
    controller.abort(new Error('late'));
    expect(room.frames).toBe(1);
    place.end();
    expect(room.frames).toBe(0);
  });
});
