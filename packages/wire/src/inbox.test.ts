import { describe, expect, it } from 'vitest';
import { Inbox } from './inbox.js';

describe('Inbox', () => {
  it('takes a frame once, and answers a resend with what is known', () => {
    const inbox = new Inbox<string>({ window: 4 });
    expect(inbox.accept(5)).toEqual({ verdict: 'new' });
    expect(inbox.accept(5)).toEqual({ verdict: 'in-progress' });
    expect(inbox.finish(5, 'image')).toBe(true);
    expect(inbox.accept(5)).toEqual({ verdict: 'finished', outcome: 'image' });
    expect(inbox.acknowledge(5)).toBe(true);
    expect(inbox.accept(5)).toEqual({ verdict: 'acknowledged' });
    expect([inbox.inProgress, inbox.stored]).toEqual([0, 0]);
  });

  it('finishes only what is in progress, and acknowledges only what is finished', () => {
    const inbox = new Inbox<string>({ window: 4 });
    expect(inbox.finish(1, 'x')).toBe(false);
    expect(inbox.acknowledge(1)).toBe(false);
    inbox.accept(1);
    expect(inbox.acknowledge(1)).toBe(false);
    inbox.finish(1, 'x');
    expect(inbox.finish(1, 'y')).toBe(false);
    expect(inbox.accept(1)).toEqual({ verdict: 'finished', outcome: 'x' });
  });

  it('refuses frames far beyond the window, at the limit exactly', () => {
    const inbox = new Inbox<string>({ window: 2, maxInProgress: 3 });
    expect([0, 1, 2, 3].map((frame) => inbox.accept(frame).verdict)).toEqual(['new', 'new', 'new', 'over-window']);
    inbox.finish(0, 'x');
    expect(inbox.accept(3).verdict).toBe('new');
    const doubled = new Inbox<string>({ window: 1 });
    expect([0, 1, 2].map((frame) => doubled.accept(frame).verdict)).toEqual(['new', 'new', 'over-window']);
    doubled.setWindow(2);
    expect(doubled.accept(2).verdict).toBe('new');
  });

  it('holds what a wider window promised, when the window shrinks', () => {
    const inbox = new Inbox<string>({ window: 4 });
    for (const frame of [0, 1, 2, 3]) {
      inbox.accept(frame);
      inbox.finish(frame, 'x');
    }
    inbox.setWindow(1);
    expect([4, 5, 6, 7, 8, 9, 10, 11].map((frame) => inbox.accept(frame).verdict)).toEqual(Array(8).fill('new'));
    expect(inbox.accept(12).verdict).toBe('over-window');
    expect([0, 1, 2, 3].map((frame) => inbox.accept(frame).verdict)).toEqual(Array(4).fill('finished'));
    inbox.finish(4, 'x');
    expect(inbox.stored).toBe(4);
  });

  it('forgets the oldest outcome beyond the limit, and takes its frame anew', () => {
    const inbox = new Inbox<string>({ window: 2 });
    for (const frame of [0, 1, 2]) {
      inbox.accept(frame);
      inbox.finish(frame, `image ${frame}`);
    }
    expect(inbox.stored).toBe(2);
    expect(inbox.accept(1)).toEqual({ verdict: 'finished', outcome: 'image 1' });
    expect(inbox.accept(0)).toEqual({ verdict: 'new' });
  });

  it('remembers a bounded number of acknowledged frames', () => {
    const inbox = new Inbox<string>({ window: 8, maxRemembered: 2 });
    for (const frame of [0, 1, 2]) {
      inbox.accept(frame);
      inbox.finish(frame, 'x');
      inbox.acknowledge(frame);
    }
    expect([0, 1, 2].map((frame) => inbox.accept(frame).verdict)).toEqual(['new', 'acknowledged', 'acknowledged']);
  });
});
