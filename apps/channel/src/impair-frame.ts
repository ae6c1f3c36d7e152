import type { Channel, ImpairedFrame } from '@semcast/channel-models';
import type { ImpairmentHead } from '@semcast/wire';
import { LostFrameError } from './errors.js';
import type { SentFrame } from './receive-frame.js';

/** A frame as a receiver hears it, and what it may be told about the channel. */
export interface HeardFrame extends SentFrame {
  readonly impaired: ImpairedFrame;
  readonly impairment: ImpairmentHead;
}

/**
 * Send a frame through the channel.
 *
 * What the receiver is told: model, configured SNR and seed always (for people and logs); noise variance and gains
 * only where the frame asks for genie channel state.
 *
 * @throws LostFrameError when the channel swallowed the frame
 * @throws SamplesError when the samples are not all finite
 */
export function impairFrame(channel: Channel, sent: SentFrame): HeardFrame {
  const impaired = channel.impairFrame(sent.samples, sent.head);
  if (impaired.lost) {
    throw new LostFrameError(channel.config.loss);
  }
  const told = { model: channel.config.model.name, snrDb: impaired.snrDb, seed: channel.config.seed };
  return { ...sent, impaired, impairment: sent.head.csi === 'genie' ? { ...told, ...genieState(impaired) } : told };
}

function genieState({ noiseVariance, gains }: ImpairedFrame): Pick<ImpairmentHead, 'noiseVariance' | 'gains'> {
  return gains === null
    ? { noiseVariance }
    : { noiseVariance, gains: { coherence: gains.coherence, count: gains.values.length / 2 } };
}
