import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { ok, warning, type Check, type CheckResult } from '../check.js';

/** Instruction sets that ONNX Runtime's kernels are much faster with, from best to least. */
const NOTABLE = ['amx_bf16', 'amx_int8', 'avx512_bf16', 'avx512_vnni', 'avx512f', 'avx2', 'asimddp', 'asimd'] as const;

/** The flags of /proc/cpuinfo (x86 calls them flags, Arm features); empty where there is none. */
export function parseCpuFlags(cpuinfo: string): string[] {
  const line = cpuinfo.split('\n').find((entry) => /^(flags|Features)\s*:/.test(entry));
  return line === undefined
    ? []
    : line
        .slice(line.indexOf(':') + 1)
        .trim()
        .split(/\s+/);
}

export function describeCpu(model: string, cores: number, flags: readonly string[] | null): CheckResult {
  const known = flags === null ? [] : NOTABLE.filter((name) => flags.includes(name));
  const text = `${model}, ${cores} ${cores === 1 ? 'core' : 'cores'}${known.length === 0 ? '' : ` (${known.join(', ')})`}`;
  if (flags !== null && !flags.includes('avx2') && !flags.includes('asimd')) {
    return warning(`${text}: no AVX2`, 'decoding will be several times slower than on a newer processor');
  }
  if (cores < 2) {
    return warning(text, 'with one core the three services take turns; two are comfortable');
  }
  return ok(text);
}

export const cpu: Check = {
  name: 'cpu',
  title: 'Processor',
  run: async () => {
    const cpuinfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => null);
    // An Apple or Windows machine tells no flags here; that is no fault.
    return describeCpu(
      cpus()[0]?.model.trim() ?? 'unknown processor',
      availableParallelism(),
      cpuinfo === null ? null : parseCpuFlags(cpuinfo),
    );
  },
};
