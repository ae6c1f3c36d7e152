import { readFileSync } from 'node:fs';

/** Resident memory of processes that is their own (not mapped from files), in MiB; NaN on a system without /proc. */
export function ownMebibytes(...pids: readonly number[]): number {
  try {
    const kibibytes = pids.flatMap((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return ['RssAnon', 'RssShmem'].map((name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]));
    });
    return kibibytes.reduce((sum, each) => sum + each, 0) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Least squares of y per unit of x, and half of its 95 % interval where the errors of y are independent. */
export function slope(xs: readonly number[], ys: readonly number[]): { value: number; within: number } {
  const n = ys.length;
  const mean = (of: readonly number[]): number => of.reduce((sum, each) => sum + each, 0) / n;
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const squares = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
  const value = xs.reduce((sum, x, i) => sum + (x - meanX) * (ys[i]! - meanY), 0) / squares;
  const left = ys.reduce((sum, y, i) => sum + (y - meanY - value * (xs[i]! - meanX)) ** 2, 0);
  return { value, within: 1.96 * Math.sqrt(left / (n - 2) / squares) };
}
