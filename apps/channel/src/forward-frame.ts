import { iqPayload, type OpenLink } from '@semcast/wire';
import type { HeardFrame } from './impair-frame.js';

/**
 * Put a frame on the socket to the receiver, its samples in the format in which they came.
 *
 * The receiver always gets model, configured SNR and seed (for people and logs), and the channel's state only where
 * the frame asks for genie channel state.
 */
export function forwardFrame(upstream: OpenLink, { head, impaired, told }: HeardFrame): void {
  const channel = head.csi === 'genie' ? impaired.channel : null;
  const { payload, samples, genie } = iqPayload({ samples: impaired.samples, channel }, head.samples.format);
  upstream.send('frame', { ...head, samples, impairment: { ...told, ...genie } }, payload);
}
