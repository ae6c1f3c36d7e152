/**
 * What samplers cost beside their networks: `npx tsx packages/posterior/bench/overhead.ts [SIZE]`.
 *
 * Networks answer at once with stored results, so that the time measured is that of the samplers' own arithmetic and
 * random numbers, which on a server falls between the runs of the graphs. CPU time, so that a busy machine disturbs less.
 */
import { tensor } from '@semcast/core';
import { configureSampler, samplerNames, samplerRandom, type Evaluation, type Observation } from '../src/index.js';

const size = Number(process.argv[2] ?? 256);
const steps = 10;
const zeros = (...dims: number[]) => tensor(new Float32Array(dims.reduce((a, b) => a * b)), dims);

const observation: Observation = {
  y: zeros(128, size / 16, size / 16),
  gain: null,
  activeChannels: 32,
  noiseVariance: 0.3,
  csnrDb: 5,
  designCsnrDb: 5,
  rate: 0.25,
  xJ: zeros(3, size, size),
};

const random = samplerRandom({ seed: 1, stream: 'bench', frame: 0 });
const image = zeros(3, size, size);
random.fillNormal(image.data, 0.3);
const norms = { measurementNorm: Math.sqrt(2 * 0.3 * 16 * (size / 16) ** 2), confirmingNorm: 1 };
const answer = (evaluations: readonly Evaluation[]) =>
  evaluations.map(() => ({ x0: image, gradient: image, z: observation.y, ...norms }));

function millisecondsPerStep(name: string): number {
  const run = configureSampler(name, { steps }).start({ observation, decoderRmse: 0.15, random });
  const begin = process.cpuUsage();
  for (let state = run.next(); state.done !== true;) {
    state = run.next(answer(state.value.evaluations));
  }
  return process.cpuUsage(begin).user / 1000 / steps;
}

const results = Object.fromEntries(
  samplerNames.map((name) => {
    millisecondsPerStep(name);
    const times = Array.from({ length: 5 }, () => millisecondsPerStep(name)).sort((a, b) => a - b);
    return [name, Number(times[2]!.toFixed(2))];
  }),
);
console.log(JSON.stringify({ schema: 'semcast.posterior-overhead/1', size, steps, millisecondsPerStep: results }));
