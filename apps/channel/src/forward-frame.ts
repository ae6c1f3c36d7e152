import { FrameDropError, iqPayload, type FrameHead, type OpenLink, type SharedBytes } from '@semcast/wire';
import type { HeardFrame } from './impair-frame.js';

/**
 * Put a frame on the socket to the receiver, its samples in the format in which they came.
 *
 * The receiver always gets model, configured SNR and seed (for people and logs), and the channel's state only where
 * the frame asks for genie channel state.
 *
 * @param unread what the receiver hasn't read yet, of all links
 * @returns what was sent: the samples, and behind them the gains of each path that was told
 * @throws FrameDropError `queue-full` when so much waits for the receiver that this frame has no room
 */
export function forwardFrame(
  upstream: OpenLink,
  { head, impaired, told }: HeardFrame,
  unread: SharedBytes<OpenLink>,
): { readonly head: FrameHead; readonly payload: readonly Uint8Array[] } {
  const channel = head.csi === 'genie' ? impaired.channel : null;
  const { payload, samples, genie } = iqPayload({ samples: impaired.samples, channel }, head.samples.format);
  if (!unread.hasRoom(payload.reduce((sum, part) => sum + part.byteLength, 0))) {
    throw new FrameDropError(
      'queue-full',
      `with this frame more than ${unread.maxBytes} bytes (maxUnreadBytes) would wait in the channel for the receiver, ` +
        'which reads too slowly; send fewer frames at a time, or smaller ones',
    );
  }
  const sent = { ...head, samples, impairment: { ...told, ...genie } };
  upstream.send('frame', sent, payload);
  return { head: sent, payload };
}
