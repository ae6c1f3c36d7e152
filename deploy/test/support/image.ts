import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '@semcast/testkit';
import { z } from 'zod';
import type { ImageSettings } from './dockerfile.js';

/** An image that was built, and its file system. */
export interface BuiltImage {
  /** Where the file system is mounted; what is written there goes into a layer that `remove` forgets. */
  readonly root: string;
  readonly settings: ImageSettings;
  remove(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('image.sh', import.meta.url));
/** What later runs use again: the base image, and packages. */
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'semcast-image');

/** Most of it goes on waiting for packages; with what an earlier run has left, it takes a third. */
export const MAX_BUILD_SECONDS = 540;

const imageSchema = z.object({
  OCIv1: z.object({
    config: z.object({
      User: z.string(),
      WorkingDir: z.string(),
      Env: z.array(z.string()),
      Entrypoint: z.array(z.string()),
    }),
  }),
});

/** Whether this machine has what building the image takes: root on Debian, with buildah and debootstrap. */
export function canBuildImage(): boolean {
  const programs = [findProgram('buildah', 'buildah'), findProgram('debootstrap', 'debootstrap')];
  return process.getuid?.() === 0 && programs.every((program) => program !== undefined);
}

/** The image `cpu` of the Dockerfile, made from this checkout. @throws with the build's own words */
export async function buildImage(): Promise<BuiltImage> {
  const work = await mkdtemp(join(tmpdir(), 'semcast-image-'));
  const remove = async (): Promise<void> => await run('remove', work);
  try {
    await run('build', work);
    const text = await readFile(join(work, 'image.json'), 'utf8');
    const { config } = imageSchema.parse(JSON.parse(text)).OCIv1;
    return {
      root: (await readFile(join(work, 'mounted'), 'utf8')).trim(),
      settings: {
        entrypoint: config.Entrypoint,
        user: config.User,
        workdir: config.WorkingDir,
        env: Object.fromEntries(config.Env.map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string])),
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function run(command: 'build' | 'remove', work: string): Promise<void> {
  // Ends everything that the script has started, too.
  const limited = ['--kill-after=10', String(MAX_BUILD_SECONDS), 'sh', SCRIPT, command, CACHE, work];
  const child = spawn('timeout', limited, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) {
    throw new Error(
      `image.sh ${command} ends with ${code}${code === 124 ? ', out of time' : ''}:\n${output.slice(-4000)}`,
    );
  }
}
