import { describe, expect, it } from 'vitest';
import { Outbox } from './outbox.js';

/** Frames that the outbox would send now, an "r" behind those that are resends. */
function sendAll(outbox: Outbox<string>): string[] {
  const sent: string[] = [];
  for (let next = outbox.next(); next !== undefined; next = outbox.next()) {
    sent.push(`${next.item}${next.resend ? 'r' : ''}`);
  }
  return sent;
}

function outboxWith(frames: number, credits: number): Outbox<string> {
  const outbox = new Outbox<string>();
  outbox.linkUp(credits);
  for (let frame = 0; frame < frames; frame++) {
    outbox.add(frame, `f${frame}`);
  }
  return outbox;
}

describe('Outbox', () => {
  it('sends nothing without a link, then as many as there are credits, in order', () => {
    const outbox = new Outbox<string>();
    for (let frame = 0; frame < 5; frame++) {
      outbox.add(frame, `f${frame}`);
    }
    expect(sendAll(outbox)).toEqual([]);
    outbox.linkUp(3);
    expect(sendAll(outbox)).toEqual(['f0', 'f1', 'f2']);
    expect([outbox.waiting, outbox.unresolved, outbox.size]).toEqual([2, 3, 5]);
  });

  it('frees a credit when an outcome is resolved, not when it arrives', () => {
    const outbox = outboxWith(3, 1);
    expect(sendAll(outbox)).toEqual(['f0']);
    expect(outbox.outcome(0)).toBe('deliver');
    expect(sendAll(outbox)).toEqual([]);
    expect(outbox.resolve(0)).toBe(true);
    expect(sendAll(outbox)).toEqual(['f1']);
  });

  it('delivers the first outcome only, and acknowledges repeated ones', () => {
    const outbox = outboxWith(1, 4);
    sendAll(outbox);
    expect(outbox.expects(0)).toBe(true);
    expect(outbox.outcome(0)).toBe('deliver');
    expect(outbox.expects(0)).toBe(false);
    expect(outbox.outcome(0)).toBe('ignore');
    expect(outbox.resolve(0)).toBe(true);
    expect(outbox.resolve(0)).toBe(false);
    expect(outbox.outcome(0)).toBe('acknowledge');
    expect(outbox.outcome(99)).toBe('ignore');
    expect(outbox.size).toBe(0);
  });

  it('sends what is unresolved again after a reconnect, before anything new, within the new window', () => {
    const outbox = outboxWith(6, 4);
    expect(sendAll(outbox)).toEqual(['f0', 'f1', 'f2', 'f3']);
    outbox.outcome(1);
    outbox.resolve(1);
    outbox.outcome(2);
    outbox.linkDown();
    expect(sendAll(outbox)).toEqual([]);
    outbox.linkUp(2);
    // f2 is answered but not resolved, and holds one of the two credits.
    expect(sendAll(outbox)).toEqual(['f0r']);
    outbox.resolve(2);
    expect(sendAll(outbox)).toEqual(['f3r']);
    outbox.setWindow(4);
    expect(sendAll(outbox)).toEqual(['f4', 'f5']);
    outbox.linkUp(9);
    expect(sendAll(outbox)).toEqual(['f0r', 'f3r', 'f4r', 'f5r']);
  });

  it('takes an outcome for a frame that is waiting or lost: the server has had it', () => {
    const outbox = outboxWith(3, 1);
    sendAll(outbox);
    expect(outbox.waitingItem(1)).toBe('f1');
    expect(outbox.outcome(1)).toBe('deliver');
    expect(outbox.waitingItem(1)).toBeUndefined();
    outbox.resolve(1);
    outbox.linkDown();
    expect(outbox.outcome(0)).toBe('deliver');
    outbox.resolve(0);
    outbox.linkUp(5);
    expect(sendAll(outbox)).toEqual(['f2']);
    expect([outbox.waiting, outbox.unresolved]).toEqual([0, 1]);
  });

  it('holds the credit of a frame given up until its outcome, and sends it no more', () => {
    const outbox = outboxWith(3, 1);
    sendAll(outbox);
    expect(outbox.giveUp(0)).toBe(true);
    expect(outbox.giveUp(0)).toBe(false);
    expect(sendAll(outbox)).toEqual([]);
    expect(outbox.outcome(0)).toBe('acknowledge');
    expect(sendAll(outbox)).toEqual(['f1']);
    outbox.giveUp(1);
    expect(outbox.giveUp(2)).toBe(true);
    outbox.linkUp(3);
    expect(sendAll(outbox)).toEqual([]);
    expect(outbox.size).toBe(0);
    expect(outbox.giveUp(7)).toBe(false);
  });

  it('given up while there is no link, a frame is gone at once', () => {
    const outbox = outboxWith(2, 2);
    sendAll(outbox);
    outbox.linkDown();
    expect(outbox.giveUp(0)).toBe(true);
    outbox.linkUp(2);
    expect(sendAll(outbox)).toEqual(['f1r']);
    expect(outbox.outcome(0)).toBe('acknowledge');
    for (let i = 0; i < 1000; i++) {
      outbox.add(5, 'again');
      outbox.giveUp(5);
    }
    outbox.add(5, 'at last');
    expect(sendAll(outbox)).toEqual(['at last']);
  });

  it('has a limit on what waits', () => {
    const outbox = new Outbox<string>({ maxWaiting: 2 });
    outbox.add(0, 'f0');
    outbox.add(1, 'f1');
    expect(() => outbox.add(2, 'f2')).toThrow(expect.objectContaining({ name: 'LinkError', code: 'E_OUTBOX_FULL' }));
    outbox.linkUp(1);
    sendAll(outbox);
    outbox.add(2, 'f2');
    expect(() => outbox.add(3, 'f3')).toThrow(expect.objectContaining({ name: 'LinkError', code: 'E_OUTBOX_FULL' }));
  });

  it('refuses a number twice while it is unresolved, and what is no number', () => {
    const outbox = outboxWith(1, 1);
    expect(() => outbox.add(0, 'again')).toThrow(
      expect.objectContaining({ name: 'LinkError', code: 'E_FRAME_DUPLICATE' }),
    );
    sendAll(outbox);
    expect(() => outbox.add(0, 'again')).toThrow(
      expect.objectContaining({ name: 'LinkError', code: 'E_FRAME_DUPLICATE' }),
    );
    outbox.outcome(0);
    expect(() => outbox.add(0, 'again')).toThrow(
      expect.objectContaining({ name: 'LinkError', code: 'E_FRAME_DUPLICATE' }),
    );
    outbox.resolve(0);
    outbox.add(0, 'again');
    expect(sendAll(outbox)).toEqual(['again']);
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => outbox.add(bad, 'x')).toThrow('is no frame number');
    }
  });

  it('remembers a bounded number of resolved frames', () => {
    const outbox = new Outbox<string>({ maxRemembered: 2 });
    outbox.linkUp(9);
    for (let frame = 0; frame < 3; frame++) {
      outbox.add(frame, '');
      sendAll(outbox);
      outbox.outcome(frame);
      outbox.resolve(frame);
    }
    expect([0, 1, 2].map((frame) => outbox.outcome(frame))).toEqual(['ignore', 'acknowledge', 'acknowledge']);
  });
});
