import {
  EvaluationError,
  type Evaluation,
  type EvaluationRequest,
  type EvaluationResult,
  type EvaluationResults,
  type SamplerGraph,
  type SamplerPart,
} from '../src/index.js';

/** The networks of a bundle as functions, each of one evaluation; those that a sampler doesn't use may be missing. */
export type Networks = {
  readonly [Graph in SamplerGraph]?: (
    evaluation: Extract<Evaluation, { readonly graph: Graph }>,
  ) => EvaluationResults[Graph] | Promise<EvaluationResults[Graph]>;
};

export interface RunSamplerOptions {
  /** Ends the run before its next evaluation; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called with each request before it is evaluated: step, intermediate picture, residual. */
  readonly onProgress?: (request: EvaluationRequest) => void;
}

/**
 * Drive one sampler, or a part of one, to its end, alone: evaluate what it asks for, hand back the results.
 *
 * A server runs many side by side and batches their evaluations instead; the pictures are the same.
 *
 * @returns what it ends with
 * @throws the signal's reason, EvaluationError, DivergenceError, or what a network threw
 */
export async function runSampler<T>(
  run: SamplerPart<T>,
  networks: Networks,
  { signal, onProgress }: RunSamplerOptions = {},
): Promise<T> {
  try {
    let state = run.next();
    while (state.done !== true) {
      signal?.throwIfAborted();
      onProgress?.(state.value);
      const results = await Promise.all(
        state.value.evaluations.map(async (evaluation) => evaluate(evaluation, networks)),
      );
      signal?.throwIfAborted();
      state = run.next(results);
    }
    return state.value;
  } finally {
    // Of a run that is over already, this is nothing; of one that was left, it is the end.
    run.return(undefined as never);
  }
}

async function evaluate(evaluation: Evaluation, networks: Networks): Promise<EvaluationResult> {
  const network = networks[evaluation.graph] as
    | ((evaluation: Evaluation) => EvaluationResult | Promise<EvaluationResult>)
    | undefined;
  if (network === undefined) {
    throw new EvaluationError(`there is no ${evaluation.graph} among the networks`);
  }
  return network(evaluation);
}
