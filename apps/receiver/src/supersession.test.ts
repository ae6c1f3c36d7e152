import { describe, expect, it } from 'vitest';
import { Supersession } from './supersession.js';

describe('a superseded frame', () => {
  it('ends at once while it waits', () => {
    const supersession = new Supersession();
    supersession.request(7);
    expect(supersession.signal.reason).toMatchObject({
      reason: 'superseded',
      message: 'frame 7 of the stream took its place',
    });
  });

  it('makes its preview first when it has begun', () => {
    const supersession = new Supersession();
    supersession.hold();
    supersession.request(7);
    supersession.request(8);
    expect(supersession.signal.aborted).toBe(false);
    supersession.release();
    expect(supersession.signal.reason).toMatchObject({ message: 'frame 7 of the stream took its place' });
  });

  it('goes on when nobody takes its place', () => {
    const supersession = new Supersession();
    supersession.hold();
    supersession.release();
    expect(supersession.signal.aborted).toBe(false);
  });
});
