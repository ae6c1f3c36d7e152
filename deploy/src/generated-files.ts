import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBundle } from '@semcast/bundle';
import { dashboards } from './dashboards/registry.js';
import { kubernetesFiles } from './kubernetes.js';
import { parseRules, type Rule } from './rules.js';
import { formatMetricsDocument } from './metrics-document.js';

/** The top of the checkout. */
export const REPOSITORY_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Files of rules, relative to deploy/prometheus/rules, in the order of docs/metrics.md. */
export const RULE_FILES = ['alerts.yml', 'recording.yml'] as const;

/** A committed file that is generated. */
export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly content: string;
}

/** The rules of all files. */
export async function readRules(root: string = REPOSITORY_ROOT): Promise<Rule[]> {
  const texts = RULE_FILES.map(
    async (file) => await readFile(join(root, 'deploy', 'prometheus', 'rules', file), 'utf8'),
  );
  return (await Promise.all(texts)).flatMap(parseRules);
}

/** Every generated file, with what belongs into it. */
export async function generateFiles(root: string = REPOSITORY_ROOT): Promise<GeneratedFile[]> {
  const { digest } = await loadBundle(join(root, 'models', 'natural'));
  return [
    ...Object.entries(dashboards).map(([name, dashboard]) => ({
      path: `deploy/grafana/dashboards/${name}.json`,
      content: `${JSON.stringify(dashboard, null, 2)}\n`,
    })),
    ...Object.entries(kubernetesFiles(digest)).map(([path, content]) => ({
      path: `deploy/kubernetes/${path}`,
      content,
    })),
    { path: 'docs/metrics.md', content: formatMetricsDocument(await readRules(root)) },
  ];
}
