import { createModem, WaveformError } from '@semcast/phy';
import type { CsiMode } from '@semcast/wire';

/**
 * What the receiver is to know of the channel: as configured; by default everything, and nothing where it estimates the
 * channel.
 *
 * @throws WaveformError when there is no such waveform, or not with these options, or when it needs to know the channel
 */
export function chooseCsi({
  csi,
  waveform,
  waveformOptions,
}: {
  readonly csi?: CsiMode | undefined;
  readonly waveform: string;
  readonly waveformOptions?: Readonly<Record<string, unknown>> | undefined;
}): CsiMode {
  const { channelState } = createModem(waveform, waveformOptions);
  if (csi === 'none' && channelState === 'needed') {
    throw new WaveformError('estimator "genie" knows nothing of the channel with csi "none"', {
      remedy: 'leave out csi, or choose the estimator lmmse or ls',
    });
  }
  return csi ?? (channelState === 'ignored' ? 'none' : 'genie');
}
