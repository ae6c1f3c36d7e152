import { randomFor, tensor } from '@semcast/core';
import { interleave, latentToSymbols } from '@semcast/phy';
import { describe, expect, it } from 'vitest';
import type { DemodulatedFrame } from './demodulate-frame.js';
import { measureResidual, type EncodeAgain } from './measure-residual.js';

const layout = { channels: 2, positions: 20_000, activeChannels: 2 };
const image = { width: 1, height: 1, data: new Uint8Array(3) };
/** An encoder that gives this latent, whatever the picture, and notes the CSNR that it is told. */
function fakeEncoder(latent: Float32Array, csnrsDb: number[] = []): EncodeAgain {
  return async (_, csnrDb) => {
    csnrsDb.push(csnrDb);
    return tensor(latent, [2, 100, 200]);
  };
}

function normals(count: number, purpose: string, deviation: number): Float32Array {
  const values = new Float32Array(count);
  randomFor({ seed: 2, stream: 's', frame: 0, purpose }).fillNormal(values, deviation);
  return values;
}

const latent = normals(40_000, 'latent', Math.SQRT1_2);

/** A frame with what became of its symbols; the default is genie channel state. */
function frameOf(
  y: Float32Array,
  noise: number,
  changes: Partial<DemodulatedFrame> = {},
  h: Float32Array | null = null,
) {
  const frame: Partial<DemodulatedFrame> = {
    layout,
    latent: tensor(latent, [1, 2, 100, 200]),
    designCsnrDb: 7,
    interleaved: false,
    symbols: { y, h, noiseVariance: new Float64Array(y.length / 2).fill(noise), source: 'told' },
    csnrDb: { effective: 10, estimated: null },
    ...changes,
  };
  return frame as DemodulatedFrame;
}

describe('measureResidual', () => {
  it.each([false, true])('is 1 where the picture explains all but the noise (interleaved: %s)', async (interleaved) => {
    const symbols = latentToSymbols(latent, layout);
    const air = interleaved ? interleave(symbols) : symbols;
    const noiseVariance = 0.3;
    const noise = normals(40_000, 'noise', Math.sqrt(noiseVariance / 2));
    const h = new Float32Array(40_000).map((_, i) => i % 2);
    // h = j: (I, Q) becomes (-Q, I).
    const samples = air.map((_, i) => (i % 2 === 0 ? -air[i + 1]! : air[i - 1]!) + noise[i]!);
    const csnrsDb: number[] = [];
    const frame = frameOf(samples, noiseVariance, { interleaved }, h);
    const residual = await measureResidual({ image }, frame, fakeEncoder(latent, csnrsDb));
    // Five standard errors of a mean of 20,000 exponential variables.
    expect(Math.abs(residual! - 1)).toBeLessThan(5 / Math.sqrt(20_000));
    expect(csnrsDb).toEqual([7]);
  });

  it('rises by the power of what the picture gets wrong', async () => {
    const samples = latentToSymbols(latent, layout);
    const wrong = fakeEncoder(new Float32Array(40_000));
    const residual = await measureResidual({ image }, frameOf(samples, 0.5), wrong);
    expect(residual).toBeCloseTo(2, 1);
  });

  it('is null where no noise is known, and is that of the channel that a decoder found', async () => {
    const samples = latentToSymbols(latent, layout);
    const wrong = fakeEncoder(new Float32Array(40_000));
    const told = frameOf(samples, 0.5);
    const blind: DemodulatedFrame = { ...told, symbols: { ...told.symbols, source: 'assumed' } };
    expect(await measureResidual({ image }, blind, wrong)).toBeNull();
    expect(await measureResidual({ image }, frameOf(samples, 0), wrong)).toBeNull();
    const piloted: DemodulatedFrame = { ...told, symbols: { ...told.symbols, source: 'estimated' } };
    expect(await measureResidual({ image }, piloted, wrong)).toBeCloseTo(2, 1);
    const channel = { gain: null, noiseVariance: 0.25 };
    expect(await measureResidual({ image, channel }, blind, wrong)).toBeCloseTo(4, 1);
  });
});
