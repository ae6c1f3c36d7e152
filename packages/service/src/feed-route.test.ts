import { afterEach, describe, expect, it } from 'vitest';
import { addFeedRoute } from './feed-route.js';
import { createHttpServer, type HttpServer } from './http-server.js';
import { LiveFeed } from './live-feed.js';
import { createLogger } from './logger.js';

let http: HttpServer | undefined;
afterEach(async () => {
  await http?.close();
});

async function start() {
  const feed = new LiveFeed<{ n: number }>();
  http = await createHttpServer({
    service: 'test',
    host: '127.0.0.1',
    port: 0,
    logger: createLogger({ service: 'test', level: 'silent' }),
    ready: () => ({ ready: true, reasons: [] }),
  });
  addFeedRoute(http, { feed, status: () => ({ mood: 'fine' }) });
  const { url } = await http.listen();
  const ask = async (query = '') => {
    const response = await fetch(`${url}/feed${query}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { feed, ask, url };
}

describe('GET /feed', () => {
  it('answers the first question at once, with the status', async () => {
    const { feed, ask } = await start();
    feed.push({ n: 1 });
    const { body } = await ask();
    expect(body).toMatchObject({ boot: feed.boot, next: 1, items: [{ fact: { n: 1 } }], status: { mood: 'fine' } });
  });

  it('waits for the next fact', async () => {
    const { feed, ask } = await start();
    const waiting = ask(`?after=0&boot=${feed.boot}&waitMs=10000`);
    await expect.poll(() => feed.waiting).toBe(1);
    feed.push({ n: 7 });
    expect((await waiting).body).toMatchObject({ next: 1, items: [{ fact: { n: 7 } }] });
  });

  it('does not hold up the end of the service', async () => {
    const { feed, ask } = await start();
    const waiting = ask(`?after=0&boot=${feed.boot}&waitMs=10000`).catch(() => null);
    await expect.poll(() => feed.waiting).toBe(1);
    await http!.close();
    await waiting;
    expect(feed.waiting).toBe(0);
  });

  it('forgets a reader that went away', async () => {
    const { feed, url } = await start();
    const gone = new AbortController();
    const asked = fetch(`${url}/feed?after=0&boot=${feed.boot}&waitMs=10000`, { signal: gone.signal }).catch(
      () => null,
    );
    await expect.poll(() => feed.waiting).toBe(1);
    gone.abort();
    await asked;
    await expect.poll(() => feed.waiting).toBe(0);
  });

  it.each(['?after=x', '?after=-1', '?waitMs=10001', '?after=1.5'])('refuses %s', async (query) => {
    const { ask } = await start();
    expect(await ask(query)).toMatchObject({ status: 400, body: { error: { code: 'E_BAD_REQUEST' } } });
  });
});
