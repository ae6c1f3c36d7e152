import { execFile } from 'node:child_process';
import { availableParallelism, arch, cpus, platform, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onnxRuntimeVersion } from '@semcast/bundle';
import { counted } from '../terminal/progress.js';
import { semcastVersion } from '../version.js';
import type { SweepProvenance } from './report.js';

/** What SNR and CBR of a sweep mean: docs/definitions.md in a sentence each. */
export const DEFINITIONS = {
  snr:
    'CSNR: E|h·z|²/N0 in dB per complex symbol, with symbols z of unit mean power per frame, gains h of unit mean power, ' +
    'and circular complex noise of variance N0 (N0/2 in each real part). It is Es/N0.',
  cbr:
    'CBR: complex channel uses of the payload per image value, k/(3·H·W). With overhead, all samples that are sent are ' +
    'counted: pilots, prefixes and empty carriers, too.',
} as const;

/** What git says in the folder of this package. */
async function git(...words: string[]): Promise<string> {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  return (await promisify(execFile)('git', words, { cwd, timeout: 10_000 })).stdout.trim();
}

/** The commit of the sources that run, `+` behind it where they were changed; undefined outside a checkout of git. */
async function commitOf(): Promise<string | undefined> {
  try {
    // Installed within somebody else's checkout, it isn't part of it.
    await git('ls-files', '--error-unmatch', 'package.json');
    const commit = await git('rev-parse', 'HEAD');
    return (await git('status', '--porcelain', '--untracked-files=no')) === '' ? commit : `${commit}+`;
  } catch {
    return undefined;
  }
}

/** The program that measures, and what it runs on. */
export async function originOf(): Promise<Pick<SweepProvenance, 'semcast' | 'commit' | 'machine'>> {
  const commit = await commitOf();
  return {
    semcast: semcastVersion(),
    ...(commit === undefined ? {} : { commit }),
    machine: {
      platform: `${platform()} ${release()} ${arch()}`,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      node: process.version,
      onnxruntime: onnxRuntimeVersion(),
    },
  };
}

/** What makes a sweep, before it runs. */
export async function provenanceOf(argv: readonly string[], paths: SweepProvenance['paths']): Promise<SweepProvenance> {
  return { ...(await originOf()), argv: [...argv], paths, definitions: DEFINITIONS };
}

/** `A CPU, 2 cores, linux …; Node …, ONNX Runtime …`. */
export function machineText({ cpu, cores, platform: system, node, onnxruntime }: SweepProvenance['machine']): string {
  return `${cpu}, ${counted(cores, 'core')}, ${system}; Node ${node}, ONNX Runtime ${onnxruntime}`;
}
