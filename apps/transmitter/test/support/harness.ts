import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@semcast/service';
import sharp from 'sharp';
import { afterEach } from 'vitest';
import {
  createTransmitter,
  type FrameOutcome,
  type TransmitterConfigInput,
  type TransmitterService,
} from '../../src/index.js';
import { createFakeEncoder, type FakeEncoder } from './fake-encoder.js';
import { startFakeReceiver, type FakeReceiver, type FakeReceiverOptions } from './fake-receiver.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

/** Closed after the test. */
export async function receiver(options: FakeReceiverOptions = {}): Promise<FakeReceiver> {
  const started = await startFakeReceiver(options);
  closers.push(() => started.close());
  return started;
}

export interface Harness {
  readonly transmitter: TransmitterService;
  readonly encoder: FakeEncoder;
  /** Every outcome that was announced, in order. */
  readonly outcomes: readonly FrameOutcome[];
}

/** A transmitter with a fake encoder and nothing to send but what is submitted; closed after the test. */
export async function transmitter(
  to: string,
  config: TransmitterConfigInput = {},
  encoder = createFakeEncoder(),
): Promise<Harness> {
  const logger = createLogger({ service: 'transmitter', level: 'silent' });
  const started = await createTransmitter({ to, port: 0, source: [], drainMs: 200, ...config }, { encoder, logger });
  closers.push(() => started.close());
  const outcomes: FrameOutcome[] = [];
  started.on('outcome', (outcome) => outcomes.push(outcome));
  return { transmitter: started, encoder, outcomes };
}

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'semcast-transmitter-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An address where nobody listens. */
export async function deadUrl(): Promise<string> {
  const gone = await startFakeReceiver();
  await gone.close();
  return gone.url;
}

export interface PhotoOptions {
  readonly width?: number;
  readonly height?: number;
}

/** A PNG of a smooth, coloured surface with some texture. */
export async function photo(seed = 0, { width = 32, height = 24 }: PhotoOptions = {}): Promise<Buffer> {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    return 128 + 100 * Math.sin((x * (1 + (i % 3)) + y * 2 + seed) / 7);
  });
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** A folder of such photographs. */
export async function photoFolder(count: number, options: PhotoOptions = {}): Promise<string> {
  const folder = await temporaryFolder();
  for (let i = 0; i < count; i++) {
    await writeFile(join(folder, `photo-${String(i).padStart(3, '0')}.png`), await photo(i, options));
  }
  return folder;
}

/** Wait until something is so; fails after half a minute, which is long even on a machine that is busy otherwise. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`${what} did not come true within 30 s`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
