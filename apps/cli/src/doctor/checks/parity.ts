import { createSessionPool, replayParity, type Bundle, type ParityResult } from '@semcast/bundle';
import { ok, problem, warning, type Check, type CheckOptions, type CheckResult } from '../check.js';
import { problemOf, withBundle } from './bundle.js';

const worstOf = (results: readonly ParityResult[]): number => Math.max(...results.map(({ maxError }) => maxError));

/** Judges what a replay gave: every graph that the bundle has must have been tried, and have given what it gave once. */
export function judgeParity(
  { graphs, manifest }: Pick<Bundle, 'graphs' | 'manifest'>,
  results: readonly ParityResult[],
  { device, loadMs }: { readonly device: CheckOptions['device']; readonly loadMs: number },
): CheckResult {
  if (results.length === 0) {
    return problem('the bundle has no recorded outputs to replay', 'export the bundle again');
  }
  const { tolerance } = manifest.parity;
  const replayed = [...new Set(results.map(({ graph }) => graph))];
  const text =
    `${results.length} recorded outputs of ${replayed.join(', ')} replayed on ${device}, largest error ` +
    `${worstOf(results).toExponential(1)} (allowed ${tolerance.toExponential(0)}); loaded in ${Math.round(loadMs)} ms`;
  const wrong = replayed.filter((name) => worstOf(results.filter(({ graph }) => graph === name)) > tolerance);
  if (wrong.length > 0) {
    return problem(
      `${wrong.join(', ')} ${wrong.length === 1 ? 'differs' : 'differ'}: ${text}`,
      'this machine computes something else than the exporter did: report it, with this line',
    );
  }
  const untried = Object.keys(graphs).filter((graph) => !replayed.includes(graph));
  return untried.length === 0
    ? ok(text)
    : warning(
        `${text}; nothing recorded of ${untried.join(', ')}`,
        'export the bundle again, with parity cases of all',
      );
}

/** Do the networks give on this machine what they gave where they were made? */
export const parity: Check = {
  name: 'parity',
  title: 'Networks',
  run: withBundle(async (bundle, { device }) => {
    try {
      const startedAt = performance.now();
      const pool = await createSessionPool({ graphs: bundle.graphs, device, workers: 1 });
      try {
        const loadMs = performance.now() - startedAt;
        return judgeParity(bundle, await replayParity(bundle, pool), { device, loadMs });
      } finally {
        await pool.close();
      }
    } catch (error) {
      return problemOf(error, 'see ONNX Runtime above; semcast doctor --bundle DIR checks another bundle');
    }
  }),
};
