import type { Bundle } from '@semcast/bundle';
import type { Observation } from './demodulate-frame.js';
import { withinCsnrRange } from './posterior-observation.js';
import type { ReceivedFrame } from './receive-frame.js';
import type { FrameSeat, StepRunner } from './step-runner.js';

export interface AdmissionOptions {
  /** Whose stream it is. */
  readonly client: string;
  /** When the last network run must be back, on the clock of performance.now(); never, unless told. */
  readonly deadlineMs?: number | undefined;
  /** Whether the picture is encoded again for its residual. */
  readonly residual: boolean;
  /** Called when the frame's turn has come: its wait is over. */
  readonly observe: () => Observation;
  readonly signal: AbortSignal;
}

/**
 * Ask the scheduler for the frame's place at the networks, by telling it what the frame is going to run.
 *
 * @throws FrameDropError `queue-full` or `deadline` when there is none; the signal's reason when it fired
 */
export function admitFrame(
  runner: StepRunner,
  { head, plan, layout, latentHeight, latentWidth, paddedPixels }: ReceivedFrame,
  { manifest }: Pick<Bundle, 'manifest'>,
  { client, deadlineMs, residual, observe, signal }: AdmissionOptions,
): FrameSeat {
  const { stream, frame, width, height } = head;
  const closing = [...(plan?.afterSteps ?? []), ...(residual ? ['encoder'] : [])];
  return runner.admit(
    {
      stream,
      frame,
      client,
      // Frames of one padded size share batches.
      size: { key: `${latentWidth * manifest.stride}x${latentHeight * manifest.stride}`, pixels: paddedPixels },
      preview: ['decoder'],
      perStep: plan?.perStep ?? [],
      closing: closing.length > 0 ? closing : undefined,
      steps: plan?.steps ?? { min: 0, max: 0 },
      deadlineMs,
    },
    {
      oneShot: () => {
        const { latent, csnrDb } = observe();
        return {
          graph: 'decoder',
          latent,
          csnrDb: withinCsnrRange(manifest, csnrDb.estimated),
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
