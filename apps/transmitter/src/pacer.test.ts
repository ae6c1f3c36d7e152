import { afterEach, describe, expect, it, vi } from 'vitest';
import { Pacer } from './pacer.js';
import { StreamControl } from './stream-control.js';

const never = new AbortController().signal;

afterEach(() => {
  vi.useRealTimers();
});

/** Frames go as the pacer lets them, on a clock that the test moves. */
function start(fps: number, signal: AbortSignal = never) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const control = new StreamControl({
    config: {
      decoder: 'jscc',
      decoderOptions: undefined,
      waveform: 'single-carrier',
      cbr: '1/24',
      fps,
      digital: 'off',
      latest: false,
      paused: false,
    },
    checkRate: () => {},
    offered: () => undefined,
    photographs: () => [],
  });
  const pacer = new Pacer(control);
  const sentMs: number[] = [];
  const from = performance.now();
  const run = async (): Promise<void> => {
    for (;;) {
      await pacer.untilDue(signal);
      pacer.mark();
      sentMs.push(performance.now() - from);
      if (sentMs.length > 1000) {
        return;
      }
    }
  };
  const ended = run().then(
    () => 'done',
    (error: Error) => error.message,
  );
  return { control, sentMs, ended, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

describe('the pace of a stream', () => {
  it('is one frame at once, then one a period', async () => {
    const { sentMs, pass } = start(10);
    await pass(350);
    expect(sentMs).toEqual([0, 100, 200, 300]);
  });

  it('is felt at once when it changes, also in a long wait', async () => {
    const { control, sentMs, pass } = start(0.001);
    await pass(1000);
    expect(sentMs).toEqual([0]);
    control.update({ fps: 10 });
    await pass(250);
    expect(sentMs).toEqual([0, 1000, 1100, 1200]);
    control.update({ fps: 1 });
    await pass(1500);
    expect(sentMs.slice(4)).toEqual([2200]);
  });

  it('rests in a pause, and makes up for nothing after it', async () => {
    const { control, sentMs, pass } = start(10);
    await pass(50);
    control.update({ paused: true });
    await pass(10_000);
    expect(sentMs).toEqual([0]);
    control.update({ paused: false });
    await pass(250);
    expect(sentMs).toEqual([0, 10_050, 10_150, 10_250]);
  });

  it('ends with the signal, in a wait and in a pause', async () => {
    for (const paused of [false, true]) {
      const ending = new AbortController();
      const { control, ended, pass } = start(0.1, ending.signal);
      await pass(1);
      control.update({ paused });
      await pass(1);
      ending.abort(new Error('the end'));
      expect(await ended).toBe('the end');
    }
  });
});
