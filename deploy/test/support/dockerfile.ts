import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY_ROOT } from '@semcast/deploy';

export interface Instruction {
  readonly name: string;
  readonly rest: string;
}

export interface Stage {
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** ARGs before the first stage, which all stages' bases may use. */
  readonly args: Readonly<Record<string, string>>;
  readonly stages: ReadonlyMap<string, Stage>;
}

/** The instructions of deploy/docker/Dockerfile by stage; bases with their ARGs replaced. */
export async function readDockerfile(): Promise<Dockerfile> {
  const text = await readFile(join(REPOSITORY_ROOT, 'deploy', 'docker', 'Dockerfile'), 'utf8');
  const lines = text
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const args: Record<string, string> = {};
  const stages = new Map<string, { base: string; instructions: Instruction[] }>();
  let stage: { base: string; instructions: Instruction[] } | undefined;
  for (const line of lines) {
    const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line)!;
    const from = /^(\S+) AS (\S+)$/.exec(rest!);
    if (name === 'FROM' && from !== null) {
      const base = from[1]!.replaceAll(/\$\{(\w+)\}/g, (_, arg: string) => args[arg] ?? '');
      stage = { base, instructions: [] };
      stages.set(from[2]!, stage);
    } else if (stage === undefined) {
      const [key, value] = rest!.split('=') as [string, string];
      args[key] = value;
    } else {
      stage.instructions.push({ name: name!, rest: rest! });
    }
  }
  return { args, stages };
}

/** How a container of a stage starts. */
export interface ImageSettings {
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
}

export function settingsOf({ instructions }: Stage): ImageSettings {
  const last = (name: string): string => instructions.findLast((instruction) => instruction.name === name)?.rest ?? '';
  const env = instructions.filter(({ name }) => name === 'ENV').flatMap(({ rest }) => rest.split(/\s+/));
  return {
    entrypoint: JSON.parse(last('ENTRYPOINT')) as string[],
    user: last('USER'),
    workdir: last('WORKDIR'),
    env: Object.fromEntries(env.map((pair) => pair.split('=') as [string, string])),
  };
}
