import { afterEach, describe, expect, it } from 'vitest';
import { completed, pngOf, sendFrames } from './conformance.js';
import { testPicture } from '@semcast/testkit';
import { startStack, type Stack } from './stack.js';

let stack: Stack | undefined;
afterEach(async () => {
  await stack?.close();
  stack = undefined;
});

describe('the three services in one process', () => {
  const picture = testPicture(64, 48);

  it('carry a picture there and back', async () => {
    stack = await startStack({
      channel: { channel: { snr: { name: 'constant', snrDb: 15 } } },
      receiver: { residualFirst: true },
    });
    const [frame] = await sendFrames(stack, picture);
    expect(frame).toMatchObject({ width: 64, height: 48, decoder: 'jscc', steps: 0 });
    expect(frame!.channelUses).toBe((64 * 48 * 3) / 24);
    expect(frame!.csnrDb.configured).toBe(15);
    expect(frame!.psnrDb).toBeGreaterThan(18);
    expect(frame!.residual).toBeGreaterThan(0.5);
    expect(frame!.decoded.data).toHaveLength(3 * 64 * 48);
  });

  it('take a change of the channel while frames flow', async () => {
    stack = await startStack();
    const transmitter = await stack.transmitter({ resultFormat: 'raw' });
    const send = async () => completed(await transmitter.submit({ photo: await pngOf(picture) }));
    const before = await send();
    const answer = await fetch(`${stack.channel.httpUrl}/channel`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ snrDb: -10 }),
    });
    expect(answer.status).toBe(200);
    const after = await send();
    expect([before.csnrDb.configured, after.csnrDb.configured]).toEqual([10, -10]);
    expect(after.psnrDb).toBeLessThan(before.psnrDb - 2);
  });

  it('drop by name what the channel loses', async () => {
    stack = await startStack({ channel: { channel: { loss: 1 } } });
    const transmitter = await stack.transmitter();
    await expect(transmitter.submit({ photo: await pngOf(picture) })).resolves.toMatchObject({
      kind: 'dropped',
      reason: 'channel-loss',
    });
  });

  it('serve two streams at a time, each its own frames', async () => {
    stack = await startStack();
    const pictures = [testPicture(64, 64, 1), testPicture(96, 32, 2)] as const;
    const [first, second] = await Promise.all(
      pictures.map(async (image, i) => await sendFrames(stack!, image, { stream: `s${i}`, count: 4 })),
    );
    expect(first!.map(({ width, stream, frame }) => [width, stream, frame])).toEqual(
      [0, 1, 2, 3].map((n) => [64, 's0', n]),
    );
    expect(second!.map(({ width, stream, frame }) => [width, stream, frame])).toEqual(
      [0, 1, 2, 3].map((n) => [96, 's1', n]),
    );
  });

  it('leave nothing open when they are closed', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => /TCP|Worker|MessagePort/.test(name)).length;
    const own = await startStack();
    await sendFrames(own, picture);
    await own.close();
    // Sockets that were just destroyed are listed until the next turn of the loop.
    await expect
      .poll(() => process.getActiveResourcesInfo().filter((name) => /TCP|Worker|MessagePort/.test(name)).length)
      .toBeLessThanOrEqual(before);
  });

  it('close what had been started when one cannot start', async () => {
    await expect(startStack({ channel: { host: 'no-such-host.invalid' } })).rejects.toMatchObject({
      code: 'E_HOST_UNAVAILABLE',
    });
  });
});
