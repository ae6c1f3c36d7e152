import type { ChannelConfigInput } from '@semcast/channel-models';
import type { RgbImage } from '@semcast/core';
import type { CompletedFrame, FrameOutcome, TransmitterConfigInput } from '@semcast/transmitter';
import sharp from 'sharp';
import type { Stack } from './stack.js';

/**
 * Requirements for every entry of a registry that runs inside the three services, selected over sockets by its name.
 * (What it owes as a function is tested beside it, in its own package.)
 */
export interface ConformanceCase {
  readonly name: string;
  /** @throws Error saying what doesn't hold */
  readonly run: () => Promise<void>;
}

export interface StackConformanceOptions {
  /** The services to run in: asked for when a case runs, not before. */
  readonly stack: () => Stack;
  /** A name that no other suite on the same services uses. */
  readonly stream: string;
  readonly picture: RgbImage;
  /** Least PSNR that the picture must come back with, dB. */
  readonly minimumPsnrDb: number;
  /** Whether other noise gives another picture. Default: it does; a code that corrects all errors shows none. */
  readonly showsNoise?: boolean;
  readonly channel?: ChannelConfigInput;
  readonly transmitter?: TransmitterConfigInput;
}

function check(holds: boolean, message: string): asserts holds {
  if (!holds) {
    throw new Error(message);
  }
}

/** A frame that came back. @throws Error with the drop's reason */
export function completed(outcome: FrameOutcome): CompletedFrame {
  check(
    outcome.kind === 'completed',
    `frame ${outcome.frame} was dropped: ${outcome.kind === 'dropped' ? `${outcome.reason}: ${outcome.detail}` : ''}`,
  );
  return outcome;
}

/** A picture as a file's bytes, as transmitters take it. */
export async function pngOf({ width, height, data }: RgbImage): Promise<Buffer> {
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Sends a picture as frames 0 … count - 1, and gives what came back in that order. */
export async function sendFrames(
  stack: Stack,
  picture: RgbImage,
  { count = 1, ...input }: TransmitterConfigInput & { readonly count?: number } = {},
): Promise<CompletedFrame[]> {
  const transmitter = await stack.transmitter({ resultFormat: 'raw', designCsnrDb: 10, ...input });
  const photo = await pngOf(picture);
  try {
    const outcomes = await Promise.all(
      Array.from({ length: count }, async (_, frame) => {
        return await transmitter.submit({ photo, frame, name: `frame-${frame}` });
      }),
    );
    return outcomes.map(completed);
  } finally {
    await transmitter.close();
  }
}

const sameBytes = (a: RgbImage, b: RgbImage): boolean => Buffer.compare(a.data, b.data) === 0;

/**
 * Cases of one setting of the services: a picture comes back in its size and well enough; the same seed gives the same
 * bytes in another run and in another order; another seed gives others.
 */
export function stackConformance(options: StackConformanceOptions): ConformanceCase[] {
  const { stack, stream, picture, minimumPsnrDb, showsNoise = true, channel = {}, transmitter = {} } = options;
  const send = async (seed: number, count: number): Promise<CompletedFrame[]> => {
    stack().channel.update({ ...channel, seed });
    // A new transmitter is a new run of the stream: its frames are not resent ones, and meet the same draws.
    return await sendFrames(stack(), picture, { stream, count, ...transmitter });
  };
  return [
    {
      name: 'carries a picture',
      run: async () => {
        const [frame] = await send(1, 1);
        check(frame !== undefined, 'nothing came back');
        check(
          frame.decoded.width === picture.width && frame.decoded.height === picture.height,
          `${frame.decoded.width}×${frame.decoded.height} came back`,
        );
        check(frame.psnrDb >= minimumPsnrDb, `PSNR is ${frame.psnrDb.toFixed(2)} dB, less than ${minimumPsnrDb}`);
        check(frame.csnrDb.configured !== undefined, 'the configured SNR is not in the result');
      },
    },
    {
      name: 'is a function of seed, stream and frame',
      run: async () => {
        const first = await send(1, 3);
        const again = await send(1, 3);
        const other = await send(2, 3);
        for (const [i, frame] of first.entries()) {
          check(sameBytes(frame.decoded, again[i]!.decoded), `frame ${i} came back different from the same seed`);
          check(
            sameBytes(frame.decoded, other[i]!.decoded) !== showsNoise,
            `frame ${i} came back ${showsNoise ? 'the same' : 'different'} from another seed`,
          );
        }
        check(
          sameBytes(first[0]!.decoded, first[1]!.decoded) !== showsNoise,
          `two frames met ${showsNoise ? 'the very same channel' : 'channels that show'}`,
        );
      },
    },
  ];
}
