import { createSessionPool, replayParity } from '@semcast/bundle';
import { ok, problem, skipped, type Check } from '../check.js';
import { loadableBundle, NO_BUNDLE, problemOf } from './bundle.js';

/** Do the networks give on this machine what they gave where they were made? */
export const parity: Check = {
  name: 'parity',
  title: 'Networks',
  run: async ({ bundle: dir, device }) => {
    const bundle = await loadableBundle(dir);
    if (bundle === null) {
      return skipped(NO_BUNDLE);
    }
    try {
      const startedAt = performance.now();
      const pool = await createSessionPool({ graphs: bundle.graphs, device, workers: 1 });
      try {
        const loadMs = performance.now() - startedAt;
        const results = await replayParity(bundle, pool);
        if (results.length === 0) {
          return problem('the bundle has no recorded outputs to replay', 'export the bundle again');
        }
        const worst = Math.max(...results.map(({ maxError }) => maxError));
        const { tolerance } = bundle.manifest.parity;
        const text =
          `${results.length} recorded outputs replayed on ${device}, largest error ${worst.toExponential(1)} ` +
          `(allowed ${tolerance.toExponential(0)}); loaded in ${Math.round(loadMs)} ms`;
        return worst <= tolerance
          ? ok(text)
          : problem(text, 'this machine computes something else than the exporter did: report it, with this line');
      } finally {
        await pool.close();
      }
    } catch (error) {
      return problemOf(error, 'see ONNX Runtime above; semcast doctor --bundle DIR checks another bundle');
    }
  },
};
