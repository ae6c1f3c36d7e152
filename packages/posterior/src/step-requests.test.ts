import { describe, expect, it } from 'vitest';
import { configureSampler, samplerNames, samplerRandom, stepRequests, type SamplerGraph } from './index.js';
import { createToy } from '../test/gaussian-toy.js';
import { runSampler } from '../test/run-sampler.js';

const toy = createToy({ height: 6, width: 4 });

/** What a sampler asks for in each step of a real run. */
async function asked(name: string, options: Record<string, unknown>): Promise<SamplerGraph[][][]> {
  const steps: SamplerGraph[][][] = [];
  const random = samplerRandom({ seed: 1, stream: 's', frame: 0 });
  const run = configureSampler(name, options).start({ ...toy, random });
  await runSampler(run, toy.networks, {
    onProgress: ({ step, evaluations }) => {
      (steps[step] ??= []).push(evaluations.map(({ graph }) => graph));
    },
  });
  return steps;
}

describe('stepRequests', () => {
  const cases: [string, Record<string, unknown>][] = [
    ...samplerNames.map((name): [string, Record<string, unknown>] => [name, {}]),
    ['conditional', { solver: 'heun', guidanceScale: 2 }],
    ['diffcom', { solver: 'rk4' }],
    ['hifi-diffcom', { guidanceScale: 2 }],
    ['diffpir', { innerSteps: 1 }],
    ['daps', { odeSteps: 3, innerSteps: 2 }],
    ['red-diff', { guidanceScale: 3 }],
  ];

  it.each(cases)('says what a step of %s asks for (%j)', async (name, options) => {
    const given = { ...options, steps: 5 };
    const requests = stepRequests(configureSampler(name, given));
    const steps = await asked(name, given);
    expect(steps.slice(0, -1)).toEqual(steps.slice(1).map(() => requests));
    expect(requests.length).toBeGreaterThan(0);
  });

  it('does not depend on the number of steps', () => {
    expect(stepRequests(configureSampler('daps', { steps: 4 }))).toEqual(
      stepRequests(configureSampler('daps', { steps: 1000 })),
    );
  });
});
