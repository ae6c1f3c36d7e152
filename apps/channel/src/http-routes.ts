import { createHash, timingSafeEqual } from 'node:crypto';
import { MAX_TRACE_CHARACTERS } from '@semcast/channel-models';
import type { HttpServer, Logger } from '@semcast/service';
import type { ChannelControl } from './channel-control.js';
import { ControlTokenError } from './errors.js';

/** A trace may take most of the longest text in escaped JSON; the rest of a configuration is small. */
const MAX_BODY_BYTES = 4 * MAX_TRACE_CHARACTERS;

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Compare secrets in a time that doesn't tell how far they agree, nor how long they are. */
function sameSecret(given: string, wanted: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(wanted));
}

/** `GET /channel` and `PUT /channel`: see and change the channel while frames flow. */
export function addChannelRoutes(
  { app }: HttpServer,
  { control, controlToken, logger }: { control: ChannelControl; controlToken: string | undefined; logger: Logger },
): void {
  app.get('/channel', () => control.state());

  app.put('/channel', {
    bodyLimit: MAX_BODY_BYTES,
    onRequest: async (request) => {
      if (controlToken !== undefined && !sameSecret(request.headers.authorization ?? '', `Bearer ${controlToken}`)) {
        throw new ControlTokenError();
      }
    },
    handler: (request) => {
      const state = control.update(request.body);
      logger.info({ model: state.model, snr: state.snr.name, snrDb: state.snrDb, loss: state.loss }, 'channel changed');
      return state;
    },
  });
}
