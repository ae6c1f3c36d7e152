import { sizeOf, type Tensor } from '@semcast/core';
import { FeedError } from './errors.js';
import { checkImage, padTo } from './images.js';
import type { PackedFeed } from './protocol.js';
import { checkFeedDims } from './signatures.js';
import type { Feed, GraphSignature } from './types.js';

/** @throws FeedError when pictures of one feed aren't of one padded size */
function dimsOf(graph: string, name: string, feed: Feed): readonly number[] {
  if (!('images' in feed)) {
    return feed.dims;
  }
  const sizes = feed.images.map(({ width, height }) => [padTo(height, feed.multiple), padTo(width, feed.multiple)]);
  if (new Set(sizes.map(String)).size !== 1) {
    throw new FeedError(
      `input "${name}" of the graph "${graph}" has ${sizes.length} pictures, padded to ${sizes.join('; ')}`,
      { remedy: 'pass one picture at least, and only pictures of one padded size together' },
    );
  }
  return [sizes.length, 3, ...sizes[0]!];
}

function checkTensor(graph: string, name: string, { data, dims }: Tensor): void {
  if (!(data instanceof Float32Array)) {
    throw new FeedError(`input "${name}" of the graph "${graph}" is no Float32Array`, {
      remedy: 'convert the data to float32 first',
    });
  }
  if (data.length !== sizeOf(dims)) {
    throw new FeedError(
      `input "${name}" of the graph "${graph}" has ${data.length} values for the shape [${dims.join(', ')}]`,
      { remedy: 'pass one value for each place of the shape; an array that was moved elsewhere has none' },
    );
  }
}

/**
 * Check feeds against a graph's signature.
 *
 * @throws FeedError
 */
export function checkFeeds(graph: string, signature: GraphSignature, feeds: Readonly<Record<string, Feed>>): void {
  for (const [name, feed] of Object.entries(feeds)) {
    if ('images' in feed) {
      feed.images.forEach(checkImage);
    } else {
      checkTensor(graph, name, feed);
    }
  }
  checkFeedDims(
    graph,
    signature,
    Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, dimsOf(graph, name, feed)])),
  );
}

/** Whether sending it to a worker copies just this array: what is shared isn't copied, and of a view all of its buffer. */
function ownsBuffer(data: Float32Array): boolean {
  return data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
}

/**
 * Feeds in the form in which they travel: copied, as a run that waits must not see what the caller writes into them
 * later, unless the caller promises (`keep`) not to.
 */
export function packFeeds(feeds: Readonly<Record<string, Feed>>, keep: boolean): PackedFeed[] {
  return Object.entries(feeds).map(([name, feed]): PackedFeed => {
    if ('images' in feed) {
      const images = feed.images.map(({ width, height, data }) => ({ width, height, data: new Uint8Array(data) }));
      return { name, images, multiple: feed.multiple, normalisation: feed.normalisation };
    }
    return {
      name,
      dims: [...feed.dims],
      data: keep && ownsBuffer(feed.data) ? feed.data : new Float32Array(feed.data),
    };
  });
}
