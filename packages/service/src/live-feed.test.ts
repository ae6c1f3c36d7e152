import { afterEach, describe, expect, it, vi } from 'vitest';
import { LiveFeed } from './live-feed.js';

const never = new AbortController().signal;

afterEach(() => {
  vi.restoreAllMocks();
});

function feedAt() {
  let nowMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  return { feed: new LiveFeed<string>(), at: (ms: number) => (nowMs = ms) };
}

const facts = (feed: LiveFeed<string>, after: number, boot?: string) =>
  feed.read(after, boot).items.map(({ fact }) => fact);

describe('a live feed', () => {
  it('gives what came after a position, with its age', () => {
    const { feed, at } = feedAt();
    feed.push('a');
    at(100);
    feed.push('b');
    at(150);
    expect(feed.read(0)).toEqual({
      boot: feed.boot,
      next: 2,
      missed: 0,
      items: [
        { ageMs: 150, fact: 'a' },
        { ageMs: 50, fact: 'b' },
      ],
    });
    expect(facts(feed, 1, feed.boot)).toEqual(['b']);
    expect(facts(feed, 2, feed.boot)).toEqual([]);
  });

  it('keeps the newest, and says how many a slow reader missed', () => {
    const { feed } = feedAt();
    for (let i = 0; i < 516; i++) {
      feed.push(`${i}`);
    }
    expect(feed.read(2, feed.boot)).toMatchObject({ missed: 2, next: 516 });
    expect(facts(feed, 2, feed.boot)).toHaveLength(512);
    expect(facts(feed, 2, feed.boot).slice(0, 2)).toEqual(['4', '5']);
    expect(feed.read(6, feed.boot).missed).toBe(0);
  });

  it('starts anew for a reader of an earlier life', () => {
    const { feed } = feedAt();
    feed.push('a');
    expect(facts(feed, 100, 'another')).toEqual(['a']);
  });

  it('keeps only the newest of what is replaced, and calls none of it missed', () => {
    const { feed } = feedAt();
    for (const fact of ['1', '2', '3']) {
      feed.push(fact, { replaces: 'scope' });
    }
    feed.push('a');
    feed.push('4', { replaces: 'scope' });
    expect(facts(feed, 0)).toEqual(['a', '4']);
    expect(feed.read(1, feed.boot).missed).toBe(0);
  });

  it('lets a reader wait for the next fact, for a time, or until it goes', async () => {
    const { feed } = feedAt();
    const waited = feed.wait(0, feed.boot, 60_000, never);
    expect(feed.waiting).toBe(1);
    feed.push('a');
    await waited;
    expect(feed.waiting).toBe(0);
    // There is something already.
    await feed.wait(0, feed.boot, 60_000, never);
    await feed.wait(1, feed.boot, 5, never);
    const gone = new AbortController();
    const left = feed.wait(1, feed.boot, 60_000, gone.signal);
    gone.abort();
    await left;
    await feed.wait(1, feed.boot, 60_000, gone.signal);
    expect(feed.waiting).toBe(0);
  });

  it('knows whether anybody reads', () => {
    const { feed, at } = feedAt();
    expect(feed.watched).toBe(false);
    feed.read(0);
    expect(feed.watched).toBe(true);
    at(9999);
    expect(feed.watched).toBe(true);
    at(10_000);
    expect(feed.watched).toBe(false);
  });
});
