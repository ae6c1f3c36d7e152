import { iqPayload, type FrameHead, type OpenLink } from '@semcast/wire';
import type { HeardFrame } from './impair-frame.js';

/**
 * Put a frame on the socket to the receiver, its samples in the format in which they came.
 *
 * The receiver always gets model, configured SNR and seed (for people and logs), and the channel's state only where
 * the frame asks for genie channel state.
 *
 * @returns what was sent: the samples, and behind them the gains of each path that was told
 */
export function forwardFrame(
  upstream: OpenLink,
  { head, impaired, told }: HeardFrame,
): { readonly head: FrameHead; readonly payload: readonly Uint8Array[] } {
  const channel = head.csi === 'genie' ? impaired.channel : null;
  const { payload, samples, genie } = iqPayload({ samples: impaired.samples, channel }, head.samples.format);
  const sent = { ...head, samples, impairment: { ...told, ...genie } };
  upstream.send('frame', sent, payload);
  return { head: sent, payload };
}
