import { channelChangeSchema, MAX_TRACE_CHARACTERS } from '@semcast/channel-models';
import { checkControlToken, documented, type HttpServer } from '@semcast/service';
import type { ChannelControl } from './channel-control.js';

/** A trace may take most of the longest text in escaped JSON; the rest of a configuration is small. */
const MAX_BODY_BYTES = 4 * MAX_TRACE_CHARACTERS;

/** `GET /channel` and `PUT /channel`: see and change the channel while frames flow. */
export function addChannelRoutes({ app }: HttpServer, control: ChannelControl, controlToken: string | undefined): void {
  app.get('/channel', { schema: documented('The channel in force') }, () => control.state());

  app.put('/channel', {
    schema: documented('Change the channel from the next frame on', { body: channelChangeSchema }),
    bodyLimit: MAX_BODY_BYTES,
    onRequest: checkControlToken(controlToken, 'changing the channel'),
    handler: ({ body }) => control.update(body),
  });
}
