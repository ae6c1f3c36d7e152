import {
  acceptPictures,
  checkControlToken,
  documented,
  HttpError,
  limitPictures,
  pictureBody,
  pictureQuery,
  type HttpServer,
} from '@semcast/service';
import { z } from 'zod';
import { PICTURE_STAGES, type PictureStore } from './picture-store.js';
import type { TransmitterStatus } from './status.js';
import { streamChangeSchema, type StreamControl } from './stream-control.js';
import type { Transmitter } from './transmitter.js';

const NO_CONTENT = 204;
const pictureParams = z.object({ frame: z.coerce.number().pipe(z.int().nonnegative()), stage: z.enum(PICTURE_STAGES) });

export interface TransmitterRoutes {
  readonly status: () => TransmitterStatus;
  readonly pictures: PictureStore;
  readonly control: StreamControl;
  readonly transmitter: Pick<Transmitter, 'refresh' | 'takePhoto'>;
  readonly controlToken: string | undefined;
}

/**
 * `GET /stream`: the state of the stream. `PUT /stream`: change its settings. `POST /stream/refresh`:
 * something else was changed, such as the channel. `GET /pictures/FRAME/STAGE`: pictures of
 * its newest frames.
 */
export function addTransmitterRoutes(
  { app }: HttpServer,
  { status, pictures, control, transmitter, controlToken }: TransmitterRoutes,
): void {
  const mayChange = checkControlToken(controlToken, 'changing the stream');
  app.get('/stream', { schema: documented('The state of the stream') }, status);

  app.put('/stream', {
    schema: documented('Change the stream from the next frame on', { body: streamChangeSchema }),
    onRequest: mayChange,
    handler: ({ body }) => control.update(body),
  });

  app.post('/stream/refresh', {
    schema: documented('With `latest`: send the photograph once more, in place of the frames under way'),
    onRequest: mayChange,
    handler: async (_, reply) => {
      transmitter.refresh();
      return await reply.code(NO_CONTENT).send();
    },
  });

  acceptPictures(app);
  app.post('/photos', {
    schema: documented('Send this photograph, an image file, until another is chosen', { querystring: pictureQuery }),
    onRequest: [mayChange, limitPictures()],
    handler: async ({ body, query }) => {
      const { name } = pictureQuery.parse(query);
      return { photo: await transmitter.takePhoto(name, pictureBody(body)) };
    },
  });

  const schema = documented('A picture of one of the newest frames: original, preview, intermediate or final');
  app.get('/pictures/:frame/:stage', { schema }, async (request, reply) => {
    const params = pictureParams.safeParse(request.params);
    const picture = params.success ? await pictures.read(params.data.frame, params.data.stage) : undefined;
    if (picture === undefined) {
      throw new HttpError(
        404,
        'E_NOT_FOUND',
        `there is no picture at ${request.url}`,
        `GET /stream lists the frames whose pictures are there; stages are ${PICTURE_STAGES.join(', ')}`,
      );
    }
    // An intermediate picture gives way to the next one under the same address.
    return reply
      .type(`image/${picture.format}`)
      .header('cache-control', 'no-store')
      .send(Buffer.from(picture.bytes.buffer, picture.bytes.byteOffset, picture.bytes.byteLength));
  });
}
