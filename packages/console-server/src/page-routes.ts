import type { HttpServer } from '@semcast/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PageFile } from './page-files.js';
import type { PictureCache } from './picture-cache.js';

const NO_CONTENT = 204;
const NO_PAGE = `<!doctype html><title>semcast</title><p>The console page has not been built. <code>npm run build</code> does it.`;

/** A host as it may stand in a policy; anything else is left out. */
const PLAIN_HOST = /^[a-z0-9.:[\]-]+$/i;

/** From this server alone, and nothing that is made up at run time: no inline scripts or styles, no eval, no frames. */
function policyFor({ headers }: FastifyRequest): string {
  const host = headers.host ?? '';
  // Not every browser takes 'self' to cover WebSockets.
  const sockets = PLAIN_HOST.test(host) ? ` ws://${host} wss://${host}` : '';
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self'${sockets}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function sendFile(request: FastifyRequest, reply: FastifyReply, { type, bytes, gzipped, immutable }: PageFile) {
  const zips = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  void reply
    .type(type)
    .header('content-security-policy', policyFor(request))
    .header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache')
    .header('vary', 'accept-encoding');
  return zips ? reply.header('content-encoding', 'gzip').send(gzipped) : reply.send(bytes);
}

function sendPicture({ url }: FastifyRequest, reply: FastifyReply, pictures: PictureCache) {
  const picture = pictures.read(url);
  // A path means one picture, for as long as it is there; pages of a night should not fill a disk with them.
  void reply.header('cache-control', 'no-store');
  if (picture === undefined) {
    // A page that reads slowly asks late: that is no error, and nothing that a browser should complain of.
    return pictures.wasThere(url) ? reply.code(NO_CONTENT).send() : reply.callNotFound();
  }
  const { contentType, bytes } = picture;
  return reply.type(contentType).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** `GET /` and the files of the page, `GET /pictures/…`, `GET /thumbnails/…`, `GET /frames/ID`. */
export function addPageRoutes(
  { app }: HttpServer,
  { page, pictures }: { readonly page: ReadonlyMap<string, PageFile> | undefined; readonly pictures: PictureCache },
): void {
  for (const [path, file] of page ?? []) {
    app.get(path, (request, reply) => sendFile(request, reply, file));
  }
  if (page === undefined) {
    app.get('/', (request, reply) =>
      reply
        .code(503)
        .type('text/html; charset=utf-8')
        .header('content-security-policy', policyFor(request))
        .send(NO_PAGE),
    );
  }
  app.get('/pictures/:frame/:picture', (request, reply) => sendPicture(request, reply, pictures));
  app.get<{ Params: { id: string } }>('/frames/:id', ({ params }, reply) => {
    const record = pictures.record(Number(params.id));
    return record === undefined ? reply.callNotFound() : reply.header('cache-control', 'no-store').send(record);
  });
  app.get('/thumbnails/:id', (request, reply) => sendPicture(request, reply, pictures));
}
