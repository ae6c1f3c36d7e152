import { cbrValue, formatCbr, parseCbr, randomFor, tensor } from '@semcast/core';
import { UnknownRateError } from '@semcast/bundle';
import type { FrameEncoder } from '../../src/index.js';

/** Stride, channels and rates like those of a small bundle. */
const STRIDE = 8;
const CHANNELS = 32;
const RATES = ['1/24', '1/12'];

export interface FakeEncoder extends FrameEncoder {
  /** Pictures encoded so far: their size, and what the encoder was told. */
  readonly encoded: {
    readonly width: number;
    readonly height: number;
    readonly csnrDb: number;
    readonly cbr: string;
  }[];
  readonly closed: boolean;
}

function checkRate(cbr: string): void {
  if (!RATES.includes(cbr)) {
    throw new UnknownRateError(`the bundle has no rate ${cbr}`, { remedy: `use one of ${RATES.join(', ')}` });
  }
}

const activeChannelsOf = (cbr: string): number => Math.round(cbrValue(parseCbr(cbr)) * 3 * STRIDE ** 2 * 2);

/** An encoder without a network: any picture becomes noise of unit power, of the size that a real latent would have. */
export function createFakeEncoder(): FakeEncoder {
  const encoded: FakeEncoder['encoded'] = [];
  let closed = false;
  return {
    bundle: { name: 'fake', version: '0', digest: 'fake-digest' },
    rates: ['1/24', '1/12'],
    csnrDb: { min: 0, max: 20 },
    encoded,
    get closed() {
      return closed;
    },
    checkRate,
    channelUses: (width, height, cbr) =>
      (activeChannelsOf(cbr) / 2) * Math.ceil(width / STRIDE) * Math.ceil(height / STRIDE),
    encode: async (image, condition) => {
      const cbr = typeof condition.cbr === 'string' ? condition.cbr : formatCbr(condition.cbr);
      checkRate(cbr);
      encoded.push({ width: image.width, height: image.height, csnrDb: condition.csnrDb, cbr });
      const positions = Math.ceil(image.width / STRIDE) * Math.ceil(image.height / STRIDE);
      const activeChannels = activeChannelsOf(cbr);
      const data = new Float32Array(CHANNELS * positions);
      const active = data.subarray(0, activeChannels * positions);
      randomFor({ seed: 1, stream: 'fake', frame: positions, purpose: 'latent' }).fillNormal(active, Math.SQRT1_2);
      const latent = tensor(data, [1, CHANNELS, Math.ceil(image.height / STRIDE), Math.ceil(image.width / STRIDE)]);
      return { latent, activeChannels, positions, channelUses: (activeChannels / 2) * positions };
    },
    close: async () => {
      closed = true;
    },
  };
}
