import { describe, expect, it } from 'vitest';
import { createToy } from '../../test/gaussian-toy.js';
import { configureSampler, ddpmSigma, samplerRandom } from '../index.js';

const toy = createToy({ height: 2, width: 2 });

/** σ of the first step. */
function firstSigma(csnrDb: number, options: Record<string, unknown>): number {
  const random = samplerRandom({ seed: 1, stream: 'hifi-diffcom', frame: 0 });
  const observation = { ...toy.observation, csnrDb };
  const run = configureSampler('hifi-diffcom', options).start({ observation, decoderRmse: 0.1, random });
  const request = run.next().value;
  if (!('evaluations' in request) || request.evaluations[0]?.graph !== 'posteriorStep') {
    throw new Error('the first step is no guided one');
  }
  return request.evaluations[0].sigma;
}

describe('hifi-diffcom', () => {
  it.each([
    [0, 252],
    [5, 245],
    [10, 235],
    [15, 225],
    [20, 215],
  ])('as published starts at %d dB at step %d of the chain', (csnrDb, t) => {
    const sigma = firstSigma(csnrDb, { preset: 'published' });
    // The step is the last one of the table whose σ isn't larger.
    expect(sigma).toBeGreaterThanOrEqual(ddpmSigma(t));
    expect(sigma).toBeLessThan(ddpmSigma(t + 1));
  });

  it('starts where it is told to', () => {
    expect(firstSigma(10, {})).toBeCloseTo(0.4);
    expect(firstSigma(10, { start: 'published' })).toBe(firstSigma(10, { preset: 'published' }));
    expect(firstSigma(10, { preset: 'published', start: 'rmse' })).toBeCloseTo(0.4);
    expect(firstSigma(10, { preset: 'published', startSigma: 0.7 })).toBe(0.7);
  });
});
