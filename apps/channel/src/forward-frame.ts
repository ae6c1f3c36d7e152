import { iqPayload, type OpenLink } from '@semcast/wire';
import type { HeardFrame } from './impair-frame.js';

/** Put a frame on the socket to the receiver, its samples in the format in which they came. */
export function forwardFrame(upstream: OpenLink, { head, impaired, impairment }: HeardFrame): void {
  const gains = impairment.gains === undefined ? null : impaired.gains;
  const { payload, samples } = iqPayload({ samples: impaired.samples, gains }, head.samples.format);
  upstream.send('frame', { ...head, samples, impairment }, payload);
}
