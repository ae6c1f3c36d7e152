import { channelModelNames, channelPresetNames, impairmentNames } from '@semcast/channel-models';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from './stack.js';

/** As far as this looks at it. */
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

let stack: Stack;
let urls: Readonly<Record<string, string>>;
beforeAll(async () => {
  stack = await startStack();
  const transmitter = await stack.transmitter();
  urls = {
    transmitter: transmitter.httpUrl,
    channel: stack.channel.httpUrl,
    receiver: stack.receiver.httpUrl,
  };
});
afterAll(async () => {
  await stack?.close();
});

const documentOf = async (service: string): Promise<Document> =>
  (await (await fetch(`${urls[service]}/openapi.json`)).json()) as Document;

const COMMON = ['/feed', '/healthz', '/metrics', '/openapi.json', '/readyz'];

describe('/openapi.json', () => {
  it.each([
    ['transmitter', ['/photos', '/pictures/{frame}/{stage}', '/stream', '/stream/refresh']],
    ['channel', ['/channel']],
    ['receiver', ['/control/channel', '/control/photo', '/control/stream', '/decoders/check', '/status']],
  ])('of the %s is OpenAPI 3.1, with its routes', async (service, own) => {
    const document = await documentOf(service);
    expect(await new Validator().validate(structuredClone(document) as never)).toMatchObject({ valid: true });
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).toSorted()).toEqual([...COMMON, ...own].toSorted());
  });

  it('has every model, impairment and preset of the channel', async () => {
    const { paths } = await documentOf('channel');
    const body = JSON.stringify(paths['/channel']!['put']);
    for (const name of [...channelModelNames, ...impairmentNames, ...channelPresetNames]) {
      expect(body).toContain(`"${name}"`);
    }
    // What a change leaves out stays.
    expect(body).not.toContain('"default":{"name":"awgn"}');
    expect(body).toContain('"default":256');
  });

  it('leaves it to the services to refuse what is wrong', async () => {
    const answer = await fetch(`${urls['channel']}/channel`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: { name: 'fog' } }),
    });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'E_CHANNEL_UPDATE' } }]);
  });
});
