import {
  acceptPictures,
  checkControlToken,
  documented,
  limitPictures,
  pictureBody,
  pictureQuery,
  type HttpServer,
} from '@semcast/service';
import type { FastifyReply } from 'fastify';
import { askService, type Answer } from './ask.js';
import type { ConsoleConfig } from './config.js';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 4 * 1024 ** 2;
/** A trace of SNRs may be long. */
const MAX_BODY_BYTES = 4 * 1024 ** 2;
const OK = 200;

/** The answer of another service, unchanged. */
function passOn(reply: FastifyReply, { status, contentType, bytes }: Answer) {
  return reply
    .code(status)
    .type(contentType)
    .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/**
 * `PUT /control/channel`, `PUT /control/stream` and `POST /control/photo`: what a page changes, forwarded to the service that it concerns. A
 * refusal comes back in that service's own message.
 */
export function addControlRoutes(
  { app }: HttpServer,
  { config, receiverUrl }: { readonly config: ConsoleConfig; readonly receiverUrl: () => string },
): void {
  const onRequest = checkControlToken(config.controlToken, 'changing something from the console');
  const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES };

  app.put(
    '/control/channel',
    { schema: documented('PUT /channel of the channel'), onRequest, bodyLimit: MAX_BODY_BYTES },
    async ({ body }, reply) => {
      const url = new URL('/channel', config.channelUrl);
      const answer = await askService('channel', url, { ...limits, method: 'PUT', body, token: config.channelToken });
      if (answer.status === OK) {
        // The transmitter doesn't know of the channel; without it the change is shown by the frame that comes next.
        const refresh = new URL('/stream/refresh', config.transmitterUrl);
        const token = config.transmitterToken;
        void askService('transmitter', refresh, { ...limits, method: 'POST', body: {}, token }).catch(() => undefined);
      }
      return passOn(reply, answer);
    },
  );

  acceptPictures(app);
  app.post(
    '/control/photo',
    {
      schema: documented('POST /photos of the transmitter', { querystring: pictureQuery }),
      onRequest: [onRequest, limitPictures()],
    },
    async ({ body, headers, query }, reply) => {
      const url = new URL('/photos', config.transmitterUrl);
      url.searchParams.set('name', pictureQuery.parse(query).name);
      const picture = { body: pictureBody(body), contentType: headers['content-type'] };
      const token = config.transmitterToken;
      return passOn(reply, await askService('transmitter', url, { ...limits, method: 'POST', ...picture, token }));
    },
  );

  app.put(
    '/control/stream',
    { schema: documented('PUT /stream of the transmitter'), onRequest },
    async ({ body }, reply) => {
      const refusal = await refusalOfOptions(body, receiverUrl(), limits);
      if (refusal !== undefined) {
        return passOn(reply, refusal);
      }
      const url = new URL('/stream', config.transmitterUrl);
      const token = config.transmitterToken;
      return passOn(reply, await askService('transmitter', url, { ...limits, method: 'PUT', body, token }));
    },
  );
}

/**
 * Options of a decoder are the receiver's to judge; the transmitter doesn't know them. Without asking, every frame
 * would be dropped for them, one by one.
 */
async function refusalOfOptions(
  body: unknown,
  receiverUrl: string,
  limits: { readonly timeoutMs: number; readonly maxBytes: number },
): Promise<Answer | undefined> {
  if (typeof body !== 'object' || body === null || !('decoderOptions' in body) || !('decoder' in body)) {
    return undefined;
  }
  const { decoder, decoderOptions } = body;
  const answer = await askService('receiver', new URL('/decoders/check', receiverUrl), {
    ...limits,
    method: 'POST',
    body: { decoder, decoderOptions },
  });
  return answer.status === OK ? undefined : answer;
}
