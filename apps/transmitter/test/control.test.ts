import type { Delivery } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { photoFolder, receiver, transmitter } from './support/harness.js';

async function put(url: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/stream`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

describe('PUT /stream', () => {
  it('is in force from the next frame on, and GET /stream shows it', async () => {
    const to = await receiver();
    const { transmitter: stream } = await transmitter(to.url, { source: [await photoFolder(2)], fps: 50 });
    await expect.poll(() => stream.status().frames.completed).toBeGreaterThan(0);
    expect(await put(stream.httpUrl, { cbr: '1/12' })).toMatchObject({ status: 200, body: { cbr: '1/12', fps: 50 } });
    await expect.poll(() => stream.status().recent.some((frame) => 'cbr' in frame && frame.cbr === '1/12')).toBe(true);
    const answer = await fetch(`${stream.httpUrl}/stream`);
    expect(await answer.json()).toMatchObject({ settings: { cbr: '1/12', fps: 50, paused: false } });
  });

  it('pauses the source and lets what is submitted through', async () => {
    const to = await receiver();
    const photos = await photoFolder(2);
    const { transmitter: stream } = await transmitter(to.url, { source: [photos], fps: 100 });
    await put(stream.httpUrl, { paused: true });
    await expect.poll(() => stream.status().frames.inFlight).toBe(0);
    const { completed } = stream.status().frames;
    await stream.submit({ photo: `${photos}/photo-000.png`, frame: 900 });
    expect(stream.status().frames.completed).toBe(completed + 1);
    await put(stream.httpUrl, { paused: false });
    await expect.poll(() => stream.status().frames.completed).toBeGreaterThan(completed + 3);
  });

  it('takes a new pace in the middle of a long wait', async () => {
    const to = await receiver();
    const { transmitter: stream } = await transmitter(to.url, { source: [await photoFolder(1)], fps: 0.001 });
    await expect.poll(() => stream.status().frames.completed).toBe(1);
    await put(stream.httpUrl, { fps: 200 });
    await expect.poll(() => stream.status().frames.completed).toBeGreaterThan(3);
  });

  it('is kept for no frame that does not come: after the last one the source is finished', async () => {
    const to = await receiver();
    const { transmitter: stream } = await transmitter(to.url, {
      source: [await photoFolder(2)],
      fps: 0.001,
      frames: 1,
    });
    expect(await stream.finished).toMatchObject({ completed: 1, dropped: 0 });
  });

  it('is refused with a message, and needs the token where there is one', async () => {
    const to = await receiver();
    const { transmitter: stream } = await transmitter(to.url, { controlToken: 'secret' });
    await expect.poll(() => stream.status().link.state).toBe('open');
    expect(await put(stream.httpUrl, { fps: 1 })).toMatchObject({
      status: 401,
      body: { error: { code: 'E_CONTROL_TOKEN' } },
    });
    const headers = { authorization: 'Bearer secret' };
    expect(await put(stream.httpUrl, { decoder: 'magic' }, headers)).toMatchObject({
      status: 400,
      body: { error: { code: 'E_STREAM_UPDATE', message: 'the receiver has no decoder "magic"' } },
    });
    expect((await put(stream.httpUrl, { fps: 1 }, headers)).status).toBe(200);
  });
});

describe('a stream that shows the latest', () => {
  const refresh = async (url: string) => (await fetch(`${url}/stream/refresh`, { method: 'POST' })).status;

  it('sends the photograph once more at a change, in place of the frames under way', async () => {
    // It answers nothing, as one that takes long.
    const deliveries: Delivery[] = [];
    const to = await receiver({ credits: 8, answer: (delivery) => deliveries.push(delivery) });
    const source = [await photoFolder(3)];
    const { transmitter: stream } = await transmitter(to.url, { source, fps: 0, maxInFlight: 2, latest: true });
    await expect.poll(() => to.frames.length).toBe(2);
    expect(to.frames.map(({ supersedes }) => supersedes)).toEqual([undefined, undefined]);
    expect(await refresh(stream.httpUrl)).toBe(204);
    await expect.poll(() => to.frames.length).toBe(3);
    await put(stream.httpUrl, { cbr: '1/12' });
    await expect.poll(() => to.frames.length).toBe(4);
    // A change of the pace is no change of a picture.
    await put(stream.httpUrl, { fps: 5 });
    const numbers = to.frames.map(({ frame }) => frame);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(to.frames.slice(2).map(({ supersedes, cbr }) => [supersedes, cbr])).toEqual([
      [true, '1/24'],
      [true, '1/12'],
    ]);
    const sent = stream.status().pictures.map(({ name }) => name);
    expect(new Set(sent.slice(1))).toEqual(new Set(['photo-001.png']));
    // Those before it are dropped by the receiver, with the reason, and then the source goes on.
    for (const delivery of deliveries.splice(0)) {
      delivery.drop('superseded', 'a newer one');
    }
    await expect.poll(() => to.frames.length).toBeGreaterThan(4);
    expect(stream.status().frames.droppedByReason.superseded).toBe(4);
  });

  it('stays with the photograph that it is told, and leaves a source that ends as it is', async () => {
    const to = await receiver();
    const source = [await photoFolder(3)];
    const { transmitter: stream, outcomes } = await transmitter(to.url, { source, fps: 100, latest: true });
    await put(stream.httpUrl, { photo: 'photo-002.png' });
    const before = outcomes.length;
    await expect.poll(() => outcomes.length).toBeGreaterThan(before + 6);
    expect(new Set(outcomes.slice(before + 2).map(({ name }) => name))).toEqual(new Set(['photo-002.png']));
    const once = await transmitter(to.url, { source, loop: false, latest: true });
    await refresh(once.transmitter.httpUrl);
    expect(await once.transmitter.finished).toMatchObject({ completed: 3 });
  });
});

describe('GET /feed', () => {
  it('tells frames, changes and a link that comes and goes, with the status', async () => {
    const to = await receiver();
    const { transmitter: stream } = await transmitter(to.url, { source: [await photoFolder(1)], fps: 50 });
    const facts = async () => {
      const { items, status } = (await (await fetch(`${stream.httpUrl}/feed`)).json()) as {
        items: { fact: { kind: string; event?: string } }[];
        status: object;
      };
      return { kinds: items.map(({ fact }) => fact.event ?? fact.kind), status };
    };
    await expect.poll(async () => (await facts()).kinds).toContain('completed');
    await put(stream.httpUrl, { fps: 20 });
    await to.close();
    await expect.poll(async () => (await facts()).kinds).toContain('link-lost');
    const { kinds, status } = await facts();
    expect(kinds).toContain('stream-changed');
    expect(status).toMatchObject({ stream: stream.stream, settings: { fps: 20 }, rates: ['1/24', '1/12'] });
    expect(await stream.metrics.text()).toContain('semcast_events_total{event="link-lost"} 1');
  });
});
