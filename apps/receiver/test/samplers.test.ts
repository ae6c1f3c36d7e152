import { samplerNames } from '@semcast/posterior';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReceiverService } from '../src/index.js';
import { type Air, openAir, POSTERIOR_BUNDLE, psnrDb } from './air.js';
import { connect, metric, startReceiver } from './helpers.js';

let air: Air;
let receiver: ReceiverService;

beforeAll(async () => {
  air = await openAir();
  receiver = await startReceiver({ bundle: POSTERIOR_BUNDLE, workers: 2 });
});
afterAll(async () => {
  await receiver?.close();
  await air?.close();
});

describe.each(samplerNames)('the decoder %s', (decoder) => {
  it('shows the one-shot decode, then its own picture, which explains what was received', async () => {
    const client = connect(receiver.wsUrl, { stream: decoder, decoder });
    const frame = await air.frame(decoder, 0, { decoder });
    await client.link.send(frame);
    await client.link.idle();
    await client.link.close();
    expect(client.drops).toEqual([]);
    const [preview] = client.partials;
    const [final] = client.results;
    console.log(
      decoder,
      JSON.stringify(final!.head),
      psnrDb(preview!.payload, frame.picture.data),
      psnrDb(final!.payload, frame.picture.data),
    );
    expect(preview!.head).toMatchObject({ stage: 'preview', decoder, steps: 0 });
    expect(await metric(receiver.httpUrl, `semcast_sampler_steps_total{decoder="${decoder}"}`)).toBe(final!.head.steps);
  });
});
