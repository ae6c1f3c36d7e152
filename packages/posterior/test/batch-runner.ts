import { tensor, type Tensor } from '@semcast/core';
import type { Evaluation, EvaluationRequest, EvaluationResult, SamplerRun } from '../src/index.js';
import type { Networks } from './run-sampler.js';

/** A frame on its way through the runner. */
export interface Frame {
  readonly run: SamplerRun;
  /** The tick at which it arrives; it leaves when it is done. */
  readonly arrival: number;
}

/** Who shared a batch: graph and number of evaluations, in order. */
export interface BatchRecord {
  readonly graph: Evaluation['graph'];
  readonly size: number;
}

interface Pending {
  readonly run: SamplerRun;
  readonly request: EvaluationRequest;
  readonly results: (EvaluationResult | undefined)[];
}

/**
 * Continuous batching in its simplest form: at each tick frames join, evaluations of the same graph and size are put
 * into one batch each, and every frame whose results are complete takes its next step.
 *
 * Results are views of one buffer for the whole batch, as a session's output is, and inputs are copied into one: a
 * sampler that kept or changed what isn't its own would be found out.
 */
export async function runTogether(
  frames: readonly Frame[],
  networks: Required<Networks>,
): Promise<{ images: Tensor[]; batches: BatchRecord[] }> {
  const images: Tensor[] = [];
  const batches: BatchRecord[] = [];
  const pending = new Map<number, Pending>();
  const advance = (index: number, run: SamplerRun, results?: readonly EvaluationResult[]): void => {
    const state = results === undefined ? run.next() : run.next(results);
    if (state.done === true) {
      images[index] = state.value.picture;
      pending.delete(index);
    } else {
      pending.set(index, { run, request: state.value, results: state.value.evaluations.map(() => undefined) });
    }
  };
  for (let tick = 0; images.filter(Boolean).length < frames.length; tick++) {
    for (const [index, { run, arrival }] of frames.entries()) {
      if (arrival === tick) {
        advance(index, run);
      }
    }
    const groups = new Map<string, { index: number; slot: number; evaluation: Evaluation }[]>();
    for (const [index, { request }] of pending) {
      for (const [slot, evaluation] of request.evaluations.entries()) {
        const group = `${evaluation.graph} ${inputOf(evaluation).dims.join('×')}`;
        groups.set(group, [...(groups.get(group) ?? []), { index, slot, evaluation }]);
      }
    }
    for (const group of groups.values()) {
      batches.push({ graph: group[0]!.evaluation.graph, size: group.length });
      const results = await runBatch(
        group.map(({ evaluation }) => evaluation),
        networks,
      );
      for (const [i, { index, slot }] of group.entries()) {
        pending.get(index)!.results[slot] = results[i]!;
      }
    }
    for (const [index, { run, results }] of pending) {
      advance(index, run, results as EvaluationResult[]);
    }
  }
  return { images, batches };
}

/** The image or latent that an evaluation is of. */
function inputOf(evaluation: Evaluation): Tensor {
  return evaluation.graph === 'decoder' ? evaluation.latent : evaluation.x;
}

function withInput(evaluation: Evaluation, input: Tensor): Evaluation {
  return evaluation.graph === 'decoder' ? { ...evaluation, latent: input } : { ...evaluation, x: input };
}

async function runBatch(evaluations: readonly Evaluation[], networks: Required<Networks>): Promise<EvaluationResult[]> {
  const { dims, data } = inputOf(evaluations[0]!);
  const size = data.length;
  const inputs = new Float32Array(size * evaluations.length);
  const results: EvaluationResult[] = [];
  // Images, also where the input is a latent.
  const outputs: Record<string, Float32Array> = {};
  for (const [i, evaluation] of evaluations.entries()) {
    inputs.set(inputOf(evaluation).data, i * size);
    const input = tensor(inputs.subarray(i * size, (i + 1) * size), dims);
    const network = networks[evaluation.graph] as (evaluation: Evaluation) => Promise<EvaluationResult>;
    const result: Record<string, unknown> = { ...(await network(withInput(evaluation, input))) };
    for (const name of ['x0', 'gradient', 'xJ']) {
      const output = result[name] as Tensor | undefined;
      if (output !== undefined) {
        const length = output.data.length;
        const buffer = (outputs[name] ??= new Float32Array(length * evaluations.length));
        buffer.set(output.data, i * length);
        result[name] = tensor(buffer.subarray(i * length, (i + 1) * length), output.dims);
      }
    }
    results.push(result as unknown as EvaluationResult);
  }
  return results;
}
