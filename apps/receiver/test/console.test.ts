import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ReceiverService } from '../src/index.js';
import { startReceiver } from './helpers.js';

let receiver: ReceiverService | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

describe('POST /decoders/check', () => {
  const check = async (body: unknown) => {
    receiver ??= await startReceiver();
    const answer = await fetch(`${receiver.httpUrl}/decoders/check`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as object };
  };

  it('fills in what was left out', async () => {
    expect(await check({ decoder: 'jscc', decoderOptions: {} })).toEqual({
      status: 200,
      body: { decoder: 'jscc', decoderOptions: {} },
    });
  });

  it.each([
    [{ decoder: 'jscc', decoderOptions: { steps: 3 } }, 'options of jscc are wrong'],
    [{ decoder: 'magic' }, 'no decoder "magic"'],
    [{}, 'decoder'],
  ])('refuses %j', async (body, message) => {
    expect(await check(body)).toMatchObject({
      status: 400,
      body: { error: { code: 'E_DECODER_OPTIONS', message: expect.stringContaining(message) as string } },
    });
  });
});

describe('the console of a receiver', () => {
  it('is served beside links and status, and may be switched off', async () => {
    receiver = await startReceiver();
    const policy = (await fetch(`${receiver.httpUrl}/`)).headers.get('content-security-policy');
    expect(policy).toContain("script-src 'self'");
    expect((await fetch(`${receiver.httpUrl}/status`)).status).toBe(200);
    await receiver.close();
    receiver = await startReceiver({ console: { enabled: false } });
    expect((await fetch(`${receiver.httpUrl}/`)).status).toBe(404);
  });

  it('asks nobody for anything while nobody looks', async () => {
    const asked: string[] = [];
    const server = createServer((socket) => {
      asked.push('somebody came');
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const url = `http://127.0.0.1:${port}`;
    receiver = await startReceiver({ console: { transmitterUrl: url, channelUrl: url } });
    await fetch(`${receiver.httpUrl}/`);
    const { status } = await fetch(`${receiver.httpUrl}/feed`);
    expect(status).toBe(200);
    expect(asked).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
  });
});
