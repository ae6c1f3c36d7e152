import { clampCsnrDb, type Bundle } from '@semcast/bundle';
import type { ImageSize } from '@semcast/scheduler';
import { symbolsInOrder, type DemodulatedFrame } from './demodulate-frame.js';
import type { ReceivedFrame } from './receive-frame.js';
import type { FrameHandle, StepRunner } from './step-runner.js';

export interface AdmissionOptions {
  /** Whose stream it is. */
  readonly client: string;
  /** Of the stream, against others of the client. Default: 1. */
  readonly weight?: number | undefined;
  /** When the last network run must be back, on the clock of performance.now(). Default: no deadline. */
  readonly deadlineMs?: number | undefined;
  /** Whether the picture is encoded again for its residual before it goes. */
  readonly residual: boolean;
  /** Called when the frame's turn has come: its wait is over. */
  readonly demodulate: () => DemodulatedFrame;
  readonly signal: AbortSignal;
}

/**
 * Ask the scheduler for the frame's place at the networks, by telling it what the frame is going to run.
 *
 * @throws FrameDropError `queue-full` or `deadline` when there is none; the signal's reason when it fired
 */
export function admitFrame(
  runner: StepRunner,
  received: ReceivedFrame,
  { manifest }: Pick<Bundle, 'manifest'>,
  { client, weight, deadlineMs, residual, demodulate, signal }: AdmissionOptions,
): FrameHandle {
  const { plan, layout, transport } = received;
  const { stream, frame, width, height } = received.head;
  return runner.admit(
    {
      stream,
      frame,
      client,
      weight,
      size: imageSizeOf(received, manifest),
      preview: [transport === null ? 'decoder' : 'transport'],
      perStep: plan?.perStep ?? [],
      closing: residual ? ['encoder'] : undefined,
      steps: plan?.steps ?? { min: 0, max: 0 },
      deadlineMs,
    },
    {
      oneShot: () => {
        const demodulated = demodulate();
        if (transport !== null) {
          return { graph: 'transport', received: symbolsInOrder(demodulated), format: transport, width, height };
        }
        const { latent, toldCsnrDb } = demodulated;
        return {
          graph: 'decoder',
          latent,
          csnrDb: clampCsnrDb(manifest, toldCsnrDb),
          rate: layout.activeChannels / layout.channels,
          width,
          height,
          keepTensor: plan !== null,
        };
      },
      signal,
    },
  );
}

/** Frames of one padded size share batches. */
export function imageSizeOf(
  { latentWidth, latentHeight, paddedPixels }: ReceivedFrame,
  { stride }: Pick<Bundle['manifest'], 'stride'>,
): ImageSize {
  return { key: `${latentWidth * stride}x${latentHeight * stride}`, pixels: paddedPixels };
}
