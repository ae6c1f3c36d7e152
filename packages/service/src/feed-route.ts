import { withAnySignal } from '@semcast/core';
import { z } from 'zod';
import { HttpError } from './errors.js';
import type { HttpServer } from './http-server.js';
import type { LiveFeed } from './live-feed.js';
import { documented } from './openapi.js';

/** The longest that a reader may be made to wait: it is how soon a reader knows that the service is gone. */
const MAX_WAIT_MS = 10_000;
/** Readers that wait at a time; one more is answered at once. */
const MAX_WAITING = 64;

const query = z.object({
  after: z.coerce.number().pipe(z.int().nonnegative()).default(0),
  boot: z.string().max(64).optional(),
  waitMs: z.coerce.number().pipe(z.number().min(0).max(MAX_WAIT_MS)).default(0),
});

/**
 * `GET /feed?after=POSITION&boot=ID&waitMs=N`: what the service has to tell since then, and its status now. Waits for
 * something to tell if there is nothing; an answer without items says that nothing happened.
 */
export function addFeedRoute<Fact>(
  { app }: HttpServer,
  { feed, status }: { readonly feed: LiveFeed<Fact>; readonly status: () => object },
): void {
  // A waiting reader would delay the end of the service.
  const closing = new AbortController();
  app.addHook('preClose', (done) => {
    closing.abort();
    done();
  });
  const schema = documented('What happened since a position, for a console', { querystring: query });
  app.get('/feed', { schema }, async (request, reply) => {
    const parsed = query.safeParse(request.query);
    if (!parsed.success) {
      throw new HttpError(
        400,
        'E_BAD_REQUEST',
        z.prettifyError(parsed.error),
        `ask for /feed, then /feed?after=NEXT&boot=BOOT&waitMs=N with what the answer said; N is at most ${MAX_WAIT_MS}`,
      );
    }
    const { after, boot, waitMs } = parsed.data;
    const gone = new AbortController();
    const leave = (): void => {
      gone.abort();
    };
    request.raw.once('close', leave);
    reply.raw.once('close', leave);
    if (feed.waiting < MAX_WAITING) {
      await withAnySignal([gone.signal, closing.signal], async (signal) => feed.wait(after, boot, waitMs, signal));
    }
    return reply.header('cache-control', 'no-store').send({ ...feed.read(after, boot), status: status() });
  });
}
