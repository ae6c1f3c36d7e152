import { describe, expect, it } from 'vitest';
import { FairQueue } from './fair-queue.js';

function drain(queue: FairQueue<string>): string[] {
  return Array.from({ length: queue.size }, () => queue.shift()!);
}

describe('FairQueue', () => {
  it('serves streams in turns, and each stream in order', () => {
    const queue = new FairQueue<string>();
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) {
      queue.push(item.slice(0, 1), item);
    }
    expect(queue.size).toBe(6);
    expect(drain(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
    expect(queue.shift()).toBeUndefined();
  });

  it('shows whose turn it is without serving it', () => {
    const queue = new FairQueue<string>();
    expect(queue.peek()).toBeUndefined();
    queue.push('a', 'a1');
    queue.push('a', 'a2');
    queue.push('b', 'b1');
    for (const item of ['a1', 'b1', 'a2']) {
      expect([queue.peek(), queue.peek(), queue.shift()]).toEqual([item, item, item]);
    }
  });

  it('serves clients in turns, however many streams each has', () => {
    const queue = new FairQueue<string>();
    for (const item of ['a1', 'a2', 'b1', 'b2']) {
      queue.push(item.slice(0, 1), item, 'many');
    }
    queue.push('c', 'c1');
    queue.push('c', 'c2');
    expect(queue.remove('a', 'a2', 'many')).toBe(true);
    expect(drain(queue)).toEqual(['a1', 'c1', 'b1', 'c2', 'b2']);
  });

  it('lets a newcomer wait for one round at most', () => {
    const queue = new FairQueue<string>();
    for (let i = 0; i < 100; i++) {
      queue.push('busy', `busy${i}`);
    }
    queue.shift();
    queue.push('new', 'new0');
    expect([queue.shift(), queue.shift()]).toEqual(['busy1', 'new0']);
  });

  it('forgets what is taken out', () => {
    const queue = new FairQueue<string>();
    queue.push('a', 'a1');
    queue.push('a', 'a2');
    queue.push('b', 'b1');
    expect(queue.remove('a', 'a1')).toBe(true);
    expect(queue.remove('a', 'a1')).toBe(false);
    expect(queue.remove('nobody', 'a2')).toBe(false);
    expect(queue.remove('b', 'b1')).toBe(true);
    expect(queue.size).toBe(1);
    expect(drain(queue)).toEqual(['a2']);
  });
});
