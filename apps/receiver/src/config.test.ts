import { describe, expect, it } from 'vitest';
import { bucketsOf, receiverConfigSchema, schedulerOptionsOf } from './config.js';

describe('the configuration of the receiver', () => {
  it('batches on a GPU alone by default', () => {
    expect(bucketsOf(receiverConfigSchema.parse({}))).toEqual([1]);
    expect(bucketsOf(receiverConfigSchema.parse({ device: 'cuda' }))).toEqual([1, 2, 4, 8, 16]);
    expect(bucketsOf(receiverConfigSchema.parse({ buckets: [1, 3] }))).toEqual([1, 3]);
    for (const buckets of [[2, 4], [1, 4, 2], [1, 1], []]) {
      expect(receiverConfigSchema.safeParse({ buckets }).error?.issues[0]?.path).toEqual(['buckets']);
    }
  });

  it('leaves the scheduler twice the frames that credits are given for', () => {
    const options = schedulerOptionsOf(receiverConfigSchema.parse({ maxQueue: 70 }), 3);
    expect(options).toMatchObject({ workers: 3, buckets: [1], maxFrames: 140, targetWaitMs: 60_000 });
  });

  it('has room in memory for one picture of the largest size at least', () => {
    const pixelsOf = (input: object) => schedulerOptionsOf(receiverConfigSchema.parse(input), 1).maxPixels;
    expect(pixelsOf({ maxImagePixels: 100 })).toBe(200);
    expect(pixelsOf({ maxImagePixels: 100, maxDecodingPixels: 100 })).toBe(100);
    const tight = receiverConfigSchema.safeParse({ maxImagePixels: 100, maxDecodingPixels: 99 });
    expect(tight.error?.issues).toMatchObject([{ path: ['maxDecodingPixels'] }]);
  });

  it('knows the decoders by name', () => {
    expect(receiverConfigSchema.parse({ decoders: ['jscc', 'diffpir'] }).decoders).toEqual(['jscc', 'diffpir']);
    expect(receiverConfigSchema.safeParse({ decoders: ['magic'] }).success).toBe(false);
    expect(receiverConfigSchema.safeParse({ decoders: [] }).success).toBe(false);
  });

  it('needs a queue between processes where there are several', () => {
    expect(receiverConfigSchema.parse({})).toMatchObject({ role: 'all', queue: 'embedded' });
    const issue = (input: object) => receiverConfigSchema.safeParse(input).error?.issues[0];
    expect(issue({ role: 'decode' })).toMatchObject({ path: ['queue'] });
    for (const queue of ['nats://a:4222', 'nats://me:hush@a,tls://b:4222']) {
      expect(receiverConfigSchema.parse({ role: 'ingest', queue }).queue).toBe(queue);
    }
    for (const queue of ['', 'a:4222', 'http://a', 'nats://', 'nats://a/b']) {
      expect(issue({ queue })?.message).toMatch(/^must be "embedded", or servers of NATS/);
    }
  });
});
