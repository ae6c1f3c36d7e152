import { randomFor, tensor } from '@semcast/core';
import { interleave, latentToSymbols } from '@semcast/phy';
import { describe, expect, it } from 'vitest';
import type { Observation } from './demodulate-frame.js';
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

function observe(changes: Partial<Observation>): Observation {
  return { layout, designCsnrDb: 7, gains: null, interleaved: false, ...changes } as Observation;
}

describe('measureResidual', () => {
  it.each([false, true])('is 1 where the picture explains all but the noise (interleaved: %s)', async (interleaved) => {
    const symbols = latentToSymbols(latent, layout);
    const air = interleaved ? interleave(symbols) : symbols;
    const noiseVariance = 0.3;
    const noise = normals(40_000, 'noise', Math.sqrt(noiseVariance / 2));
    const gains = { coherence: 20_000, values: new Float32Array([0, 1]) };
    // h = j: (I, Q) becomes (-Q, I).
    const samples = air.map((_, i) => (i % 2 === 0 ? -air[i + 1]! : air[i - 1]!) + noise[i]!);
    const csnrsDb: number[] = [];
    const observation = observe({ samples, gains, interleaved, noiseVariance });
    const residual = await measureResidual(image, observation, fakeEncoder(latent, csnrsDb));
    // Five standard errors of a mean of 20,000 exponential variables.
    expect(Math.abs(residual! - 1)).toBeLessThan(5 / Math.sqrt(20_000));
    expect(csnrsDb).toEqual([7]);
  });

  it('rises by the power of what the picture gets wrong', async () => {
    const samples = latentToSymbols(latent, layout);
    const wrong = fakeEncoder(new Float32Array(40_000));
    const residual = await measureResidual(image, observe({ samples, noiseVariance: 0.5 }), wrong);
    expect(residual).toBeCloseTo(2, 1);
  });

  it('is null where no noise is known', async () => {
    const samples = latentToSymbols(latent, layout);
    for (const noiseVariance of [null, 0]) {
      expect(await measureResidual(image, observe({ samples, noiseVariance }), fakeEncoder(latent))).toBeNull();
    }
  });
});
