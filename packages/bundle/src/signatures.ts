import { BundleGraphError, FeedError } from './errors.js';
import type { GraphName } from './manifest.js';
import type { ExpectedSignature, GraphSignature, TensorSignature } from './types.js';

const CONDITION = { x: 4, sigma: 1, x_j: 4, flag: 1, csnr_db: 1, rate: 1 };
const RECEIVED = { design_csnr_db: 1, mask: 4, y: 4, gain_real: 4, gain_imaginary: 4 };

/** What the graphs of a codec bundle must look like (batch, height and width dynamic). */
export const CODEC_SIGNATURES = {
  encoder: { inputs: { image: 4, csnr_db: 1, rate: 1, mask: 4 }, outputs: { latent: 4 } },
  decoder: { inputs: { latent: 4, csnr_db: 1, rate: 1 }, outputs: { image: 4 } },
  denoiser: { inputs: CONDITION, outputs: { x0: 4 } },
  distilled: { inputs: CONDITION, outputs: { x0: 4 } },
  encoderVjp: { inputs: { x: 4, rate: 1, ...RECEIVED }, outputs: { z: 4, gradient: 4, measurement_norm: 1 } },
  posteriorStep: {
    inputs: { ...CONDITION, ...RECEIVED, zeta: 1, gamma: 1 },
    outputs: { x0: 4, gradient: 4, z: 4, measurement_norm: 1, confirming_norm: 1 },
  },
} as const satisfies Record<GraphName, ExpectedSignature>;

/** What the graphs of a metric bundle must look like. */
export const METRIC_SIGNATURES = {
  distance: { inputs: { a: 4, b: 4 }, outputs: { distance: 1 } },
  features: { inputs: { patches: 4 }, outputs: { features: 2 } },
} as const satisfies Record<string, ExpectedSignature>;

/** `image [B, 3, H, W], csnr_db [B]` */
function describeTensors(tensors: readonly TensorSignature[]): string {
  return tensors.map(({ name, dims }) => `${name} [${dims.map((dim) => dim ?? '?').join(', ')}]`).join(', ') || 'none';
}

function describeExpected(tensors: Readonly<Record<string, number>>): string {
  return Object.entries(tensors)
    .map(([name, rank]) => `${name} (rank ${rank})`)
    .join(', ');
}

function rankOf(tensors: readonly TensorSignature[], name: string): number | undefined {
  return tensors.find((tensor) => tensor.name === name)?.dims.length;
}

/**
 * Does a loaded graph offer what its user counts on?
 *
 * @throws BundleGraphError naming file, what it has and what it should have.
 */
export function checkSignature(graph: string, file: string, actual: GraphSignature, expect: ExpectedSignature): void {
  const remedy = `export ${graph} again with the inputs and outputs that docs/adr/0002-bundle-format.md lists`;
  const expectedInputs = Object.entries(expect.inputs);
  const inputsFit =
    actual.inputs.length === expectedInputs.length &&
    expectedInputs.every(([name, rank]) => rankOf(actual.inputs, name) === rank);
  if (!inputsFit) {
    throw new BundleGraphError(
      `${file} has the wrong inputs for the graph "${graph}": ${describeTensors(actual.inputs)}; ` +
        `expected ${describeExpected(expect.inputs)}`,
      { remedy },
    );
  }
  if (!Object.entries(expect.outputs).every(([name, rank]) => rankOf(actual.outputs, name) === rank)) {
    throw new BundleGraphError(
      `${file} has the wrong outputs for the graph "${graph}": ${describeTensors(actual.outputs)}; ` +
        `expected ${describeExpected(expect.outputs)}`,
      { remedy },
    );
  }
}

/**
 * Are these the inputs that a graph takes? Checked before a run, because ONNX Runtime's own messages name neither
 * graph nor input: names, ranks, fixed sizes, and that sizes of one symbolic name agree with each other.
 *
 * @throws FeedError naming graph, input, and both shapes.
 */
export function checkFeedDims(
  graph: string,
  signature: GraphSignature,
  feeds: Readonly<Record<string, readonly number[]>>,
): void {
  const remedy = `"${graph}" takes ${describeTensors(signature.inputs)}`;
  const symbols = new Map<string, { size: number; input: string }>();
  for (const { name, dims } of signature.inputs) {
    const given = feeds[name];
    if (given === undefined) {
      throw new FeedError(`the graph "${graph}" wasn't given its input "${name}"`, { remedy });
    }
    const shape = `[${given.join(', ')}]`;
    if (given.length !== dims.length) {
      throw new FeedError(`input "${name}" of the graph "${graph}" has the shape ${shape}`, { remedy });
    }
    for (const [axis, dim] of dims.entries()) {
      const size = given[axis]!;
      if (!Number.isSafeInteger(size) || size < 1 || (typeof dim === 'number' && size !== dim)) {
        throw new FeedError(`input "${name}" of the graph "${graph}" has the shape ${shape}`, { remedy });
      }
      if (typeof dim === 'string') {
        const seen = symbols.get(dim);
        if (seen !== undefined && seen.size !== size) {
          throw new FeedError(
            `input "${name}" of the graph "${graph}" has the shape ${shape}, ` +
              `where ${dim} is ${seen.size} by its input "${seen.input}"`,
            { remedy },
          );
        }
        symbols.set(dim, { size, input: name });
      }
    }
  }
  const unknown = Object.keys(feeds).find((name) => !signature.inputs.some((input) => input.name === name));
  if (unknown !== undefined) {
    throw new FeedError(`the graph "${graph}" has no input "${unknown}"`, { remedy });
  }
}
