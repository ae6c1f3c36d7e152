/** Single faults of a network, on either hop: the stream goes on, and its pictures are those of a calm run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { completed, pngOf } from './conformance.js';
import { startFaultProxy, testPicture, waitFor, type FaultProxy, type Passage } from '@semcast/testkit';
import { startStack, type Stack } from './stack.js';

type Fault = Parameters<typeof startFaultProxy>[1];

const FRAMES = 6;
const picture = testPicture(96, 64);
/** Behind the upgrade and the greeting, within the frames or the results. */
const IN_THE_MIDDLE = 8000;
const HOPS = ['transmitter to channel', 'channel to receiver'] as const;

const calm: Fault = ({ bytes }) => bytes;
const faults: Record<(typeof HOPS)[number], Fault> = { [HOPS[0]]: calm, [HOPS[1]]: calm };
const ports = { [HOPS[0]]: 0, [HOPS[1]]: 0 };
const proxies: FaultProxy[] = [];
let stack: Stack;
let calmPictures: string[];

beforeAll(async () => {
  for (const hop of HOPS) {
    proxies.push(
      await startFaultProxy(
        () => ports[hop],
        (passage) => faults[hop](passage),
      ),
    );
  }
  stack = await startStack({
    receiver: { decoders: ['jscc'], creditsPerStream: 3, residual: false },
    channel: { channel: { seed: 7 }, receiverUrl: `ws://127.0.0.1:${proxies[1]!.port}`, probeIntervalMs: 60_000 },
  });
  ports[HOPS[0]] = Number(new URL(stack.channel.wsUrl).port);
  ports[HOPS[1]] = Number(new URL(stack.receiver.wsUrl).port);
  calmPictures = (await stream()).pictures;
}, 180_000);
afterAll(async () => {
  await stack.close();
  await Promise.all(proxies.map((proxy) => proxy.close()));
});
beforeEach(() => waitFor('the links to end', () => stack.receiver.status().sessions === 0));
afterEach(() => {
  Object.assign(faults, { [HOPS[0]]: calm, [HOPS[1]]: calm });
});

/** Send frames; `afterFirst` is called between the first and the others. */
async function stream(afterFirst?: () => Promise<void>): Promise<{ pictures: string[]; links: number }> {
  const transmitter = await stack.transmitter({
    to: `ws://127.0.0.1:${proxies[0]!.port}`,
    stream: 'cam',
    resultFormat: 'raw',
    designCsnrDb: 10,
  });
  let links = 0;
  transmitter.on('state', ({ name }) => {
    links += Number(name === 'open');
  });
  const outcomes: number[] = [];
  transmitter.on('outcome', ({ frame }) => outcomes.push(frame));
  const send = async (frame: number): Promise<string> => {
    const { decoded } = completed(await transmitter.submit({ photo: await pngOf(picture), frame }));
    return Buffer.from(decoded.data).toString('base64');
  };
  try {
    const early = afterFirst === undefined ? [] : [await send(0)];
    await afterFirst?.();
    const others = Array.from({ length: FRAMES - early.length }, (_, i) => send(early.length + i));
    const pictures = [...early, ...(await Promise.all(others))];
    expect(outcomes.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
    return { pictures, links };
  } finally {
    await transmitter.close();
  }
}

/** Does something to one chunk, once, when so many bytes have passed in a direction. */
function once(towards: Passage['towards'], change: (bytes: Buffer) => Buffer): Fault {
  let done = false;
  return ({ bytes, before, ...passage }) => {
    if (done || passage.towards !== towards || before + bytes.length < IN_THE_MIDDLE) {
      return bytes;
    }
    done = true;
    return change(bytes);
  };
}

function flipBit(bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[flipped.length - 1]! ^= 4;
  return flipped;
}

/** Reserved bits and an opcode that doesn't exist, where a WebSocket frame or the rest of one should be. */
function breakFraming(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(16, 0xff), bytes]);
}

describe.each(HOPS)('from %s', (hop) => {
  it.each([
    ['a flipped bit', 'server', flipBit],
    ['a flipped bit', 'client', flipBit],
    ['broken framing', 'server', breakFraming],
    ['broken framing', 'client', breakFraming],
  ] as const)('%s towards the %s costs no frame', async (_name, towards, change) => {
    faults[hop] = once(towards, change);
    expect(await stream()).toEqual({ pictures: calmPictures, links: 2 });
  });

  it('a hello that arrives after the next one does not take the stream from it', async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let first: number | undefined;
    faults[hop] = async ({ connection, towards, before, bytes, sever }) => {
      first ??= connection;
      if (connection === first && towards === 'server' && before > 0) {
        // Behind the upgrade comes the hello; its sender's network fails, and the hello stays on the way.
        sever();
        await held;
      }
      return bytes;
    };
    const late = async (): Promise<void> => {
      release();
      // For the hello to arrive, and to do what it does.
      await sleep(500);
    };
    expect(await stream(late)).toEqual({ pictures: calmPictures, links: 1 });
  });
});
