/** Decoding that never ends, as a hostile file could make it: nothing waits for it for ever, closing least of all. */
import type * as images from '@semcast/images';
import { describe, expect, it, vi } from 'vitest';
import { photo, photoFolder, receiver, transmitter, until } from './support/harness.js';

/** Which files get stuck: those of the source, or those that came back. */
const stuck = vi.hoisted(() => ({ photographs: false, results: false, count: 0 }));

vi.mock('@semcast/images', async (importOriginal) => {
  const original = await importOriginal<typeof images>();
  return {
    ...original,
    openImage: async (bytes: Uint8Array, options: images.OpenImageOptions = {}) => {
      const isResult = options.formats !== undefined;
      const opened = await original.openImage(bytes, options);
      return (isResult ? stuck.results : stuck.photographs)
        ? { ...opened, decode: () => new Promise<never>(() => stuck.count++) }
        : opened;
    },
  };
});

describe('a transmitter whose image library is stuck', () => {
  it('closes while a photograph is being decoded', async () => {
    Object.assign(stuck, { photographs: true, results: false, count: 0 });
    const far = await receiver();
    const { transmitter: near, outcomes } = await transmitter(far.url, { source: [await photoFolder(1)], loop: false });
    await until(() => stuck.count > 0, 'the decoding');
    await near.close();
    expect(outcomes).toMatchObject([{ kind: 'dropped', reason: 'cancelled' }]);
  });

  it('gives a frame up while its photograph is being decoded', async () => {
    Object.assign(stuck, { photographs: true, results: false, count: 0 });
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url, { giveUpMs: 100 });
    expect(await near.submit({ photo: await photo() })).toMatchObject({ kind: 'dropped', reason: 'gave-up' });
  });

  it('closes while a result is being decoded', async () => {
    Object.assign(stuck, { photographs: false, results: true, count: 0 });
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url);
    const outcome = near.submit({ photo: await photo() });
    await until(() => stuck.count > 0, 'the decoding');
    await near.close();
    expect(await outcome).toMatchObject({ kind: 'dropped', reason: 'cancelled' });
  });
});
