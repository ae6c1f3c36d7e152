import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBundle } from '@semcast/bundle';
import { channelServiceConfigSchema } from '@semcast/channel';
import { loadConfig } from '@semcast/config';
import { REPOSITORY_ROOT } from '@semcast/deploy';
import { consumerName, FRAMES_STREAM } from '@semcast/frame-queue';
import { receiverConfigSchema } from '@semcast/receiver';
import { findProgram } from '@semcast/testkit';
import { transmitterConfigSchema } from '@semcast/transmitter';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { readCompose } from './support/compose.js';

const KUBERNETES = join(REPOSITORY_ROOT, 'deploy', 'kubernetes');
const SCHEMAS = {
  transmitter: transmitterConfigSchema,
  channel: channelServiceConfigSchema,
  receiver: receiverConfigSchema,
} as const;
// Not required, as other programs are: Debian 12 has one that knows no components.
const kubectl = findProgram('kubectl', 'kubernetes-client', { PATH: process.env['PATH'] });

const secretRef = z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) });
const containerSchema = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(z.object({ name: z.string(), value: z.string().optional(), valueFrom: secretRef.optional() })),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  resources: z.object({
    requests: z.record(z.string(), z.union([z.string(), z.number()])),
    limits: z.record(z.string(), z.union([z.string(), z.number()])),
  }),
});
const rule = z.looseObject({ ports: z.array(z.object({ port: z.number() })) });
const documentSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
  spec: z
    .looseObject({
      replicas: z.number().optional(),
      template: z.looseObject({ spec: z.looseObject({ containers: z.tuple([containerSchema]) }) }).optional(),
      ingress: z.array(rule).optional(),
      egress: z.array(rule).optional(),
    })
    .optional(),
});
type KubernetesDocument = z.infer<typeof documentSchema>;
type Container = z.infer<typeof containerSchema>;

function parseDocuments(text: string): KubernetesDocument[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as unknown)
    .filter((document) => document !== null)
    .map((document) => documentSchema.parse(document));
}

/** Every document that isn't kustomize's own. */
async function readDocuments(): Promise<KubernetesDocument[]> {
  const names = (await readdir(KUBERNETES, { recursive: true })).filter(
    (name) => name.endsWith('.yaml') && !name.endsWith('kustomization.yaml'),
  );
  const texts = await Promise.all(names.sort().map(async (name) => await readFile(join(KUBERNETES, name), 'utf8')));
  return texts.flatMap(parseDocuments);
}

interface Model {
  validate(): void;
}

/** @throws Error when a document isn't what the API has under its kind */
async function validate(document: KubernetesDocument): Promise<void> {
  const { apiVersion, kind } = document;
  const library = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models';
  const model = [library, apiVersion, kind].join('/');
  const models = (await import(model)) as Readonly<Record<string, new (document: unknown) => Model>>;
  new models[kind]!(document).validate();
}

const documents = await readDocuments();
const containerOf = (document: KubernetesDocument): Container => document.spec!.template!.spec.containers[0];
const find = (all: readonly KubernetesDocument[], kind: string, name: string): KubernetesDocument =>
  all.find((document) => document.kind === kind && document.metadata.name === name)!;
const deployments = documents.filter(({ kind }) => kind === 'Deployment');
const pods = documents.filter(({ spec }) => spec?.template !== undefined);

/** The variables of a container, as its process sees them. */
function environmentOf({ env }: Container): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const { name, value = 'of-the-secret' } of env) {
    // As Kubernetes does it: with what stands above.
    seen[name] = value.replaceAll(/\$\(([A-Z_]+)\)/g, (text, other: string) => seen[other] ?? text);
  }
  return seen;
}

function configOf(container: Container, more: Readonly<Record<string, string>> = {}) {
  const name = container.args[0] as keyof typeof SCHEMAS;
  return loadConfig({ schema: SCHEMAS[name] as z.ZodObject, name, env: { ...environmentOf(container), ...more } });
}

describe('every document', () => {
  it.each(documents.map((document) => [`${document.kind} ${document.metadata.name}`, document] as const))(
    '%s is what the API has',
    async (_, document) => {
      await expect(validate(document)).resolves.toBeUndefined();
    },
  );

  it('would be refused with a mistake in it', async () => {
    const { spec, ...rest } = deployments[0]!;
    await expect(validate({ ...rest, spec: { ...spec, replicas: 'two' } } as never)).rejects.toThrow('replicas');
  });
});

describe('the services', () => {
  it('are those of docker-compose.yml, in the same images', async () => {
    const compose = await readCompose();
    expect(deployments.map(({ metadata }) => metadata.name)).toEqual([
      'transmitter',
      'channel',
      'receiver',
      'receiver-decode',
    ]);
    expect(new Set(deployments.map((document) => containerOf(document).image))).toEqual(
      new Set([compose['receiver']!.image]),
    );
    expect(containerOf(find(documents, 'StatefulSet', 'nats')).image).toBe(compose['nats']!.image);
  });

  it.each(deployments.map((document) => [document.metadata.name, document] as const))(
    '%s accepts its settings, and listens where it is looked for, under its name',
    (name, document) => {
      const container = containerOf(document);
      const prefix = `SEMCAST_${container.args[0]!.toUpperCase()}_`;
      const others = container.env.filter((variable) => !variable.name.startsWith(prefix)).map((entry) => entry.name);
      expect(others.filter((other) => other !== 'QUEUE_TOKEN')).toEqual([]);
      expect(() => configOf(container, { [`${prefix}NO_SUCH_SETTING`]: '1' })).toThrow(
        `unknown environment variable ${prefix}NO_SUCH_SETTING`,
      );
      const config = configOf(container);
      expect(config).toMatchObject({ host: '0.0.0.0', allowedHosts: [name] });
      expect(container.ports).toEqual([{ name: 'http', containerPort: config['port'] }]);
      expect(find(documents, 'Service', name).spec).toMatchObject({
        ports: [{ name: 'http', port: config['port'], targetPort: 'http' }],
      });
      expect(container).toMatchObject({
        livenessProbe: { httpGet: { path: '/healthz', port: 'http' } },
        readinessProbe: { httpGet: { path: '/readyz', port: 'http' } },
      });
    },
  );

  it('ask for every token that there is', () => {
    const needed = (container: Container): string[] =>
      ({
        transmitter: ['token', 'controlToken'],
        channel: ['token', 'receiverToken', 'controlToken'],
        receiver: ['console.controlToken', 'console.channelToken', 'console.transmitterToken', 'token'],
      })[container.args[0] as keyof typeof SCHEMAS];
    for (const document of deployments.filter(({ metadata }) => metadata.name !== 'receiver-decode')) {
      const config = configOf(containerOf(document));
      for (const path of needed(containerOf(document))) {
        expect(config, path).toHaveProperty(path, 'of-the-secret');
      }
    }
    expect(containerOf(find(documents, 'StatefulSet', 'nats')).args).toContain('$(QUEUE_TOKEN)');
  });

  it('have a Secret that the documents tell how to make, and nothing secret themselves', async () => {
    const references = pods.flatMap((document) =>
      containerOf(document).env.flatMap(({ valueFrom }) => valueFrom ?? []),
    );
    expect(new Set(references.map(({ secretKeyRef }) => secretKeyRef.name))).toEqual(new Set(['semcast-tokens']));
    const readme = await readFile(join(REPOSITORY_ROOT, 'deploy', 'README.md'), 'utf8');
    const made = [...readme.matchAll(/--from-literal=([a-z]+)=/g)].map(([, key]) => key!);
    expect([...new Set(references.map(({ secretKeyRef }) => secretKeyRef.key))].sort()).toEqual(made.sort());
    expect(documents.some(({ kind }) => kind === 'Secret')).toBe(false);
  });
});

describe('pods', () => {
  it.each(pods.map((document) => [document.metadata.name, document] as const))(
    '%s: not root, nothing writable, nothing more to gain, limits',
    (_, document) => {
      const pod = document.spec!.template!.spec;
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: 'RuntimeDefault' } },
      });
      const container = pod.containers[0];
      expect(container['securityContext']).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(Object.keys(container.resources.limits)).toEqual(['cpu', 'memory']);
      expect(container.image).toMatch(/:\d+\.\d+\.\d+/);
    },
  );

  it.each(deployments.map((document) => [document.metadata.name, document] as const))(
    '%s: has the time that a service takes to close',
    async (_, document) => {
      const closing = await readFile(join(REPOSITORY_ROOT, 'docs', 'closing.md'), 'utf8');
      const seconds = Number(/isn't closed within (\d+) s/.exec(closing)![1]);
      expect(document.spec!.template!.spec['terminationGracePeriodSeconds']).toBeGreaterThan(seconds);
    },
  );
});

describe('network policies', () => {
  const policies = documents.filter(({ kind }) => kind === 'NetworkPolicy');
  const named = (name: string): KubernetesDocument => find(policies, 'NetworkPolicy', name);
  const peersOf = (rules: readonly z.infer<typeof rule>[], side: 'from' | 'to'): string[] =>
    rules.flatMap((entry) =>
      z
        .array(z.looseObject({ podSelector: z.object({ matchLabels: z.record(z.string(), z.string()) }).optional() }))
        .parse(entry[side])
        .map((peer) => `${peer.podSelector!.matchLabels['app.kubernetes.io/name']}:${entry.ports[0]!.port}`),
    );

  it('forbid whatever none allows', () => {
    const { ingress, egress, ...rest } = named('default').spec!;
    expect(rest).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    expect(ingress).toBeUndefined();
    expect(egress!.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual([53, 53]);
  });

  it.each(deployments.map(({ metadata }) => metadata.name))(
    'let %s reach what its settings name, and no more',
    (name) => {
      const urls = Object.values(environmentOf(containerOf(find(documents, 'Deployment', name))))
        .filter((value) => value.includes('://'))
        .map((value) => new URL(value).host);
      expect(peersOf(named(name).spec!.egress!, 'to').sort()).toEqual(urls.sort());
      for (const url of urls) {
        const [host, port] = url.split(':');
        expect(peersOf(named(host!).spec!.ingress!, 'from')).toContain(`${name}:${port}`);
      }
    },
  );

  it('let nobody in but these, Prometheus, and KEDA at the monitoring of the queue', () => {
    const reached = deployments.flatMap(({ metadata: { name } }) =>
      peersOf(named(name).spec!.egress!, 'to').map((to) => `${name} → ${to}`),
    );
    const letIn = [...deployments.map(({ metadata }) => metadata.name), 'nats'].flatMap((name) =>
      peersOf(named(name).spec!.ingress!, 'from').map((from) => {
        const [peer, port] = from.split(':');
        return `${peer} → ${name}:${port}`;
      }),
    );
    expect(letIn.filter((path) => !path.startsWith('prometheus')).sort()).toEqual(reached.sort());
    expect(named('nats').spec!.egress).toEqual([]);
    expect(named('keda').spec!.ingress!.map(({ ports }) => ports)).toEqual([[{ port: 8222 }]]);
  });
});

const triggerSchema = z.object({
  maxReplicaCount: z.number(),
  minReplicaCount: z.number(),
  triggers: z.tuple([z.object({ type: z.literal('nats-jetstream'), metadata: z.record(z.string(), z.string()) })]),
});

function scalerOf(all: readonly KubernetesDocument[]) {
  return triggerSchema.parse(find(all, 'ScaledObject', 'receiver-decode').spec);
}

describe('scaling', () => {
  it('counts the frames of the consumer that workers with the bundle of the image have', async () => {
    const { triggers } = scalerOf(documents);
    const { digest } = await loadBundle(join(REPOSITORY_ROOT, 'models', 'natural'));
    const { decoder } = configOf(containerOf(find(documents, 'Deployment', 'transmitter')));
    expect(triggers[0].metadata).toMatchObject({
      natsServerMonitoringEndpoint: 'nats.semcast.svc:8222',
      stream: FRAMES_STREAM,
      consumer: consumerName(digest, decoder as string),
    });
  });

  it('asks for a worker for as many frames as one takes, and an ingest lets in what asks for the last one', () => {
    const { triggers, maxReplicaCount } = scalerOf(documents);
    const lag = Number(triggers[0].metadata['lagThreshold']);
    const { workers } = configOf(containerOf(find(documents, 'Deployment', 'receiver-decode')));
    expect(lag).toBe(2 * (workers as number));
    const { maxQueue } = configOf(containerOf(find(documents, 'Deployment', 'receiver')));
    expect(maxQueue).toBeGreaterThanOrEqual(lag * maxReplicaCount);
  });

  it('has the same bounds with and without KEDA, and never ends without a worker', () => {
    const { minReplicaCount, maxReplicaCount } = scalerOf(documents);
    expect(minReplicaCount).toBeGreaterThan(0);
    expect(find(documents, 'HorizontalPodAutoscaler', 'receiver-decode').spec).toMatchObject({
      minReplicas: minReplicaCount,
      maxReplicas: maxReplicaCount,
    });
  });
});

describe.skipIf(kubectl === undefined)('kubectl kustomize', () => {
  const render = (folder: string): KubernetesDocument[] =>
    parseDocuments(execFileSync(kubectl!, ['kustomize', join(KUBERNETES, folder)], { encoding: 'utf8' }));

  it.each(['base', 'overlays/cpu', 'overlays/gpu'])('%s: every document is what the API has', async (folder) => {
    const rendered = render(folder);
    expect(rendered.length).toBeGreaterThan(15);
    for (const document of rendered) {
      await validate(document);
      expect(document.kind === 'Namespace' || document.metadata.namespace === 'semcast').toBe(true);
    }
    const config = rendered.find(({ kind }) => kind === 'ConfigMap')!;
    expect(find(rendered, 'StatefulSet', 'nats').spec!.template!.spec).toMatchObject({
      volumes: [{ name: 'config', configMap: { name: config.metadata.name } }],
    });
  });

  it('has one autoscaler, which alone says how many workers there are', () => {
    for (const [folder, kind] of [
      ['overlays/cpu', 'HorizontalPodAutoscaler'],
      ['overlays/gpu', 'ScaledObject'],
    ] as const) {
      const rendered = render(folder);
      const autoscalers = rendered.filter((document) => /Autoscaler|ScaledObject/.test(document.kind));
      expect(autoscalers.map((document) => document.kind)).toEqual([kind]);
      expect(find(rendered, 'Deployment', 'receiver-decode').spec!.replicas).toBeUndefined();
    }
  });

  it('gives each worker a GPU, in the image that has CUDA', async () => {
    const rendered = render('overlays/gpu');
    const container = containerOf(find(rendered, 'Deployment', 'receiver-decode'));
    expect(container.image).toBe((await readCompose())['receiver-gpu']!.image);
    expect(container.resources.limits['nvidia.com/gpu']).toBe(1);
    expect(configOf(container)).toMatchObject({ role: 'decode', device: 'cuda', workers: 1 });
    // It takes two of the largest batch from the queue.
    const { triggers, maxReplicaCount } = scalerOf(rendered);
    expect(triggers[0].metadata['lagThreshold']).toBe(String(2 * 16));
    const { maxQueue } = configOf(containerOf(find(rendered, 'Deployment', 'receiver')));
    expect(maxQueue).toBeGreaterThanOrEqual(32 * maxReplicaCount);
  });
});
