import { readIq } from '@semcast/wire';
import { afterEach, describe, expect, it } from 'vitest';
import type { ChannelService } from '../src/index.js';
import {
  connect,
  makeFrame,
  request,
  startChannel,
  startStubReceiver,
  type Client,
  type StubReceiver,
} from './helpers.js';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

async function startAlone(input = {}): Promise<ChannelService> {
  const channel = await startChannel({ receiverUrl: 'ws://127.0.0.1:9', ...input });
  closers.push(() => channel.close());
  return channel;
}

describe('GET /channel', () => {
  it('tells the whole configuration, defaults included, and the SNR in force', async () => {
    const { httpUrl } = await startAlone({ channel: { loss: 0.5 } });
    expect(await request(`${httpUrl}/channel`)).toEqual({
      status: 200,
      body: {
        model: { name: 'awgn' },
        snr: { name: 'constant', snrDb: 10 },
        loss: 0.5,
        seed: 0,
        noiseReference: 'nominal',
        impairments: [],
        sampleRateHz: 10e6,
        snrDb: 10,
      },
    });
  });
});

describe('GET /channel, while frames flow,', () => {
  it('tells the SNR of the newest frame', async () => {
    const receiver = await startStubReceiver();
    closers.push(() => receiver.close());
    const csv = 'snr_db\n1\n2\n3\n4';
    const channel = await startAlone({ receiverUrl: receiver.url, channel: { snr: { name: 'trace', csv } } });
    const client = connect(channel.wsUrl);
    closers.push(() => client.link.close());
    expect((await request(`${channel.httpUrl}/channel`)).body).toMatchObject({ snrDb: 1 });
    await client.link.send(makeFrame(2));
    await client.link.idle();
    expect((await request(`${channel.httpUrl}/channel`)).body).toMatchObject({ snrDb: 3 });
  });
});

describe('PUT /channel', () => {
  it('applies to the next frame, not to those before', async () => {
    const receiver: StubReceiver = await startStubReceiver();
    closers.push(() => receiver.close());
    const channel = await startAlone({ receiverUrl: receiver.url });
    const client: Client = connect(channel.wsUrl);
    closers.push(() => client.link.close());
    await client.link.send(makeFrame(0));
    await client.link.idle();
    const change = { model: { name: 'rayleigh-slow' }, snr: { snrDb: -5 } };
    const { status, body } = await request(`${channel.httpUrl}/channel`, 'PUT', change);
    expect(status).toBe(200);
    expect(body).toMatchObject({ model: { name: 'rayleigh-slow' }, snr: { name: 'constant', snrDb: -5 }, snrDb: -5 });
    await client.link.send(makeFrame(1));
    await client.link.idle();
    expect(receiver.frames.map(({ head }) => head.impairment)).toMatchObject([
      { model: 'awgn', snrDb: 10 },
      { model: 'rayleigh-slow', snrDb: -5 },
    ]);
    expect(readIq(receiver.frames[1]!).channel?.taps?.[0]?.gains.values).toHaveLength(2);
    expect(channel.state().snrDb).toBe(-5);
  });

  it('takes back what GET gave', async () => {
    const { httpUrl } = await startAlone({ channel: { snr: { name: 'sine' }, model: { name: 'rician-fast' } } });
    const before = await request(`${httpUrl}/channel`);
    expect(await request(`${httpUrl}/channel`, 'PUT', before.body)).toEqual(before);
  });

  it.each([
    ['an unknown model', { model: { name: 'cable' } }, 'model'],
    ['a negative delay spread', { model: { name: 'tdl-a', delaySpreadNs: -1 } }, 'delaySpreadNs'],
    ['delays beyond any frame', { model: { name: 'tdl-a', delaySpreadNs: 1e6 } }, 'model.delaySpreadNs'],
    ['a decay that is no number', '{"model": {"name": "tdl-exp", "decay": NaN}}', 'JSON'],
    ['a decay that is null', { model: { name: 'tdl-exp', decay: null } }, 'model.decay'],
    ['an unknown impairment', { impairments: [{ name: 'rain' }] }, 'impairments[0].name'],
    ['an offset beyond the sample rate', { impairments: [{ name: 'cfo', offsetHz: 6e6 }] }, 'impairments[0].offsetHz'],
    ['an unknown preset', { preset: 'moon' }, 'preset'],
    ['a loss above one', { loss: 2 }, 'loss'],
    ['an unknown key', { los: 0 }, 'los'],
    ['an SNR out of range', { snr: { name: 'constant', snrDb: 1e6 } }, 'snr'],
    ['a seed that is no whole number', { seed: 1.5 }, 'seed'],
    ['a list', [], 'object'],
    ['no JSON', '{', 'JSON'],
  ])('refuses %s with 400 and a message, and changes nothing', async (_, body, word) => {
    const { httpUrl } = await startAlone();
    const before = await request(`${httpUrl}/channel`);
    const answer = await request(`${httpUrl}/channel`, 'PUT', body);
    expect(answer.status).toBe(400);
    expect(answer.body.error?.message).toContain(word);
    expect(answer.body.error?.remedy).not.toBe('');
    expect(answer.body.error?.code).toMatch(/^E_/);
    expect(await request(`${httpUrl}/channel`)).toEqual(before);
  });

  it('refuses a channel while frames flow, and they go on through the one in force', async () => {
    const receiver: StubReceiver = await startStubReceiver();
    closers.push(() => receiver.close());
    const channel = await startAlone({ receiverUrl: receiver.url, channel: { preset: 'vehicular' } });
    const client: Client = connect(channel.wsUrl);
    closers.push(() => client.link.close());
    for (let frame = 0; frame < 3; frame++) {
      const body = { model: { name: 'tdl-exp', maxDopplerHz: 1e6 } };
      expect((await request(`${channel.httpUrl}/channel`, 'PUT', body)).status).toBe(400);
      await client.link.send(makeFrame(frame));
      await client.link.idle();
    }
    expect(receiver.frames.map(({ head }) => head.impairment?.model)).toEqual(['tdl-b', 'tdl-b', 'tdl-b']);
  });

  it('drops a frame that is shorter than the delays of the channel, says so, and takes the next', async () => {
    const receiver: StubReceiver = await startStubReceiver();
    closers.push(() => receiver.close());
    // 9.66 times 1 µs, at ten samples a µs.
    const model = { name: 'tdl-a', delaySpreadNs: 1000 } as const;
    const channel = await startAlone({ receiverUrl: receiver.url, channel: { model } });
    const client: Client = connect(channel.wsUrl);
    closers.push(() => client.link.close());
    for (const [frame, count] of [96, 97, 98].entries()) {
      await client.link.send(makeFrame(frame, { count }));
      await client.link.idle();
    }
    const detail = (frame: number, count: number): string =>
      `frame ${frame} has ${count} samples; the model tdl-a delays by up to 97, and takes frames of 98 or more`;
    expect(client.drops).toMatchObject([
      { frame: 0, reason: 'invalid-frame', detail: detail(0, 96) },
      { frame: 1, reason: 'invalid-frame', detail: detail(1, 97) },
    ]);
    expect(receiver.frames.map(({ head }) => head.frame)).toEqual([2]);
  });

  it('takes a preset, what is changed in it, and a change of the chain afterwards', async () => {
    const { httpUrl } = await startAlone({ channel: { seed: 7, loss: 0.5 } });
    const put = async (body: object) => (await request(`${httpUrl}/channel`, 'PUT', body)).body;
    expect(await put({ preset: 'satellite', snrDb: 3, model: { name: 'tdl-e', maxDopplerHz: 1 } })).toEqual({
      model: { name: 'tdl-e', delaySpreadNs: 10, maxDopplerHz: 1, frameIntervalMs: 10 },
      impairments: [
        { name: 'clipping', ratio: 1.5 },
        { name: 'cfo', offsetHz: 20 },
      ],
      snr: { name: 'constant', snrDb: 3 },
      sampleRateHz: 10e6,
      loss: 0,
      seed: 7,
      noiseReference: 'nominal',
      snrDb: 3,
    });
    expect(await put({ impairments: [{ name: 'adc', bits: 6 }] })).toMatchObject({
      model: { name: 'tdl-e' },
      impairments: [{ name: 'adc', bits: 6, fullScale: 4 }],
    });
    const inForce = await request(`${httpUrl}/channel`);
    expect(await put(inForce.body)).toEqual(inForce.body);
  });

  it('takes a trace of a megabyte, and refuses a body far beyond with 413', async () => {
    const { httpUrl } = await startAlone();
    const csv = `snr_db\n${'12\n'.repeat(300_000)}`;
    expect(await request(`${httpUrl}/channel`, 'PUT', { snr: { name: 'trace', csv } })).toMatchObject({
      status: 200,
      body: { snrDb: 12 },
    });
    const answer = await request(`${httpUrl}/channel`, 'PUT', { snr: { name: 'trace', csv: 'x'.repeat(5_000_000) } });
    expect(answer).toMatchObject({ status: 413, body: { error: { code: 'E_BODY_TOO_LARGE' } } });
  });

  it('asks for the control token where there is one, before it reads the body', async () => {
    const { httpUrl } = await startAlone({ controlToken: 'open-sesame' });
    const url = `${httpUrl}/channel`;
    expect((await request(url)).status).toBe(200);
    for (const authorization of [undefined, 'Bearer open', 'Bearer open-sesame2', 'open-sesame']) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const refused = await request(url, 'PUT', '{', headers);
      expect(refused).toMatchObject({ status: 401, body: { error: { code: 'E_CONTROL_TOKEN' } } });
    }
    // The scheme is written in whatever case; the token isn't.
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'Bearer ']) {
      const authorised = await request(url, 'PUT', { loss: 0.125 }, { authorization: `${scheme} open-sesame` });
      expect(authorised).toMatchObject({ status: 200, body: { loss: 0.125 } });
    }
    expect((await request(url, 'PUT', { loss: 0 }, { authorization: 'bearer Open-Sesame' })).status).toBe(401);
  });
});
