import type { Tensor } from '@semcast/core';
import type { Evaluation, EvaluationResults, SamplerGraph } from './evaluation.js';
import type { Observation } from './observation.js';
import type { ConfiguredSampler } from './registry.js';
import { samplerRandom } from './sampler.js';

const SMALL: Tensor = { data: new Float32Array(3), dims: [3, 1, 1] };
const LATENT: Tensor = { data: new Float32Array([1, 0]), dims: [2, 1, 1] };

/** Of one pixel: what a sampler asks for doesn't depend on what it is given. */
const observation: Observation = {
  y: LATENT,
  gain: null,
  activeChannels: 2,
  noiseVariance: 1,
  csnrDb: 0,
  designCsnrDb: 0,
  rate: 1,
  xJ: SMALL,
  taps: { fftSize: 1, carriers: new Uint16Array(1), powers: [1] },
};

const filled = (value: number): Tensor => ({ data: new Float32Array(3).fill(value), dims: SMALL.dims });

/** Numbers that any sampler can go on with: a gradient that isn't 0, and a norm. */
const answers: { readonly [Graph in SamplerGraph]: () => EvaluationResults[Graph] } = {
  denoiser: () => ({ x0: filled(0.1) }),
  distilled: () => ({ x0: filled(0.1) }),
  posteriorStep: () => ({ x0: filled(0.1), gradient: filled(0.01), z: LATENT, measurementNorm: 1, confirmingNorm: 1 }),
  encoderVjp: () => ({ z: LATENT, gradient: filled(0.01), measurementNorm: 1 }),
  decoder: () => ({ xJ: filled(0.1) }),
};

/**
 * The graphs that each successive request of a sampler's first step names, found out by taking that step on one pixel.
 * What a scheduler needs to know beforehand: `[['posteriorStep']]`, or with Heun's solver
 * `[['posteriorStep'], ['denoiser']]`. Later steps are like it, but for the last, which only
 * denoises.
 */
export function stepRequests(sampler: ConfiguredSampler): readonly (readonly SamplerGraph[])[] {
  const random = samplerRandom({ seed: 0, stream: '', frame: 0 });
  const run = sampler.start({ observation, decoderRmse: 0.1, random });
  const requests: SamplerGraph[][] = [];
  try {
    let state = run.next();
    while (state.done !== true && state.value.step === 0) {
      const graphs = state.value.evaluations.map(({ graph }: Evaluation) => graph);
      requests.push(graphs);
      state = run.next(graphs.map((graph) => answers[graph]()));
    }
  } finally {
    run.return(undefined as never);
  }
  return requests;
}
