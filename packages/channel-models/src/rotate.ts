import type { ComplexVector } from '@semcast/core';

/** z_k·exp(jφ) in place, for the sample whose parts begin at `i`. */
export function rotateSample(samples: ComplexVector, i: number, phaseRad: number): void {
  const turnI = Math.cos(phaseRad);
  const turnQ = Math.sin(phaseRad);
  const sampleI = samples[i]!;
  const sampleQ = samples[i + 1]!;
  samples[i] = sampleI * turnI - sampleQ * turnQ;
  samples[i + 1] = sampleI * turnQ + sampleQ * turnI;
}
