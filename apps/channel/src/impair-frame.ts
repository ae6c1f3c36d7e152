import type { Channel, ImpairedFrame } from '@semcast/channel-models';
import { FrameDropError, type ImpairmentHead } from '@semcast/wire';
import type { SentFrame } from './receive-frame.js';

/** A frame as a receiver hears it, and what every receiver gets to know about the channel. */
export interface HeardFrame extends SentFrame {
  readonly impaired: ImpairedFrame;
  readonly told: Pick<ImpairmentHead, 'model' | 'snrDb' | 'seed'>;
}

/**
 * Send a frame through the channel.
 *
 * @throws FrameDropError when the channel lost the frame
 * @throws SamplesError when the samples are not all finite
 */
export function impairFrame(channel: Channel, sent: SentFrame): HeardFrame {
  const impaired = channel.impairFrame(sent.samples, sent.head);
  if (impaired.lost) {
    const { loss } = channel.config;
    throw new FrameDropError('channel-loss', `the channel lost the frame (loss probability ${loss})`);
  }
  const { model, seed } = channel.config;
  return { ...sent, impaired, told: { model: model.name, snrDb: impaired.snrDb, seed } };
}
