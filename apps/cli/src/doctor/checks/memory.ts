import { readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { ok, problem, warning, type Check, type CheckResult } from '../check.js';

const GIB = 2 ** 30;
/** Three processes with their models, and a 768×512 photograph in each of two workers. */
const NEEDED_BYTES = 1 * GIB;
const COMFORTABLE_BYTES = 2 * GIB;

export function judgeMemory(availableBytes: number, totalBytes: number): CheckResult {
  const text = `${(availableBytes / GIB).toFixed(1)} GiB available of ${(totalBytes / GIB).toFixed(1)} GiB`;
  if (availableBytes < NEEDED_BYTES) {
    return problem(text, 'the three services need about 1 GiB: close other programs, or raise the container’s limit');
  }
  if (availableBytes < COMFORTABLE_BYTES) {
    return warning(text, 'enough for photographs of ordinary size; use --size 256, or --workers 1, if it gets tight');
  }
  return ok(text);
}

/** Memory that a new process can have: free and reclaimable memory, within the container's limit. */
async function availableMemory(): Promise<{ available: number; total: number }> {
  const meminfo = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  const available = kib === undefined ? freemem() : Number(kib) * 1024;
  const limit = Number((await readFile('/sys/fs/cgroup/memory.max', 'utf8').catch(() => 'max')).trim());
  const used = Number((await readFile('/sys/fs/cgroup/memory.current', 'utf8').catch(() => '0')).trim());
  return Number.isFinite(limit)
    ? { available: Math.min(available, limit - used), total: Math.min(totalmem(), limit) }
    : { available, total: totalmem() };
}

export const memory: Check = {
  name: 'memory',
  title: 'Memory',
  run: async () => {
    const { available, total } = await availableMemory();
    return judgeMemory(available, total);
  },
};
