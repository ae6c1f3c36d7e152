import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { consumerName, FRAMES_STREAM } from '@semcast/frame-queue';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import type { INetworkPolicyPeer } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyPeer';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec';
import { Service } from 'kubernetes-models/v1/Service';
import { stringify } from 'yaml';

const NAMESPACE = 'semcast';
const IMAGE = 'semcast:0.1.0';
const USER = 10_001;
const SECRET = 'semcast-tokens';
/** Threads of a decode worker, and as many processors. */
const DECODE_THREADS = 2;
const REPLICAS = { min: 2, max: 10 } as const;
/** What refines pictures here: its consumer's lag is what workers are added for. */
const DECODER = 'distilled';

const QUEUE = { name: 'nats', port: 4222, monitoringPort: 8222 } as const;
const QUEUE_SETTINGS = {
  QUEUE_TOKEN: { secret: 'queue' },
  SEMCAST_RECEIVER_QUEUE: `nats://$(QUEUE_TOKEN)@${QUEUE.name}:${QUEUE.port}`,
} as const;

/** The value of an environment variable, or the key of the Secret that has it. */
type Setting = string | { readonly secret: string };

/** Pods of one of the services. Their name is that of their Service, too: by it the others call them. */
interface Part {
  readonly name: string;
  readonly service: 'transmitter' | 'channel' | 'receiver';
  readonly port: number;
  readonly replicas: number;
  readonly cpu: number;
  readonly memory: string;
  readonly settings: Readonly<Record<string, Setting>>;
}

const PARTS = [
  {
    name: 'transmitter',
    service: 'transmitter',
    port: 7403,
    replicas: 1,
    cpu: 1,
    memory: '1Gi',
    settings: {
      SEMCAST_TRANSMITTER_TO: 'ws://channel:7401',
      SEMCAST_TRANSMITTER_TOKEN: { secret: 'channel' },
      SEMCAST_TRANSMITTER_CONTROL_TOKEN: { secret: 'control' },
      SEMCAST_TRANSMITTER_FPS: '1',
      SEMCAST_TRANSMITTER_SIZE: '256',
      SEMCAST_TRANSMITTER_DECODER: DECODER,
    },
  },
  {
    name: 'channel',
    service: 'channel',
    port: 7401,
    replicas: 1,
    cpu: 1,
    memory: '512Mi',
    settings: {
      SEMCAST_CHANNEL_RECEIVER_URL: 'ws://receiver:7402',
      SEMCAST_CHANNEL_TOKEN: { secret: 'channel' },
      SEMCAST_CHANNEL_RECEIVER_TOKEN: { secret: 'receiver' },
      SEMCAST_CHANNEL_CONTROL_TOKEN: { secret: 'control' },
      SEMCAST_CHANNEL_CHANNEL__SNR: 'sine',
    },
  },
  {
    name: 'receiver',
    service: 'receiver',
    port: 7402,
    replicas: 1,
    cpu: 1,
    memory: '2Gi',
    settings: {
      ...QUEUE_SETTINGS,
      SEMCAST_RECEIVER_ROLE: 'ingest',
      SEMCAST_RECEIVER_TOKEN: { secret: 'receiver' },
      SEMCAST_RECEIVER_MAX_IMAGE_PIXELS: '4194304',
      SEMCAST_RECEIVER_CONSOLE__TRANSMITTER_URL: 'http://transmitter:7403',
      SEMCAST_RECEIVER_CONSOLE__CHANNEL_URL: 'http://channel:7401',
      SEMCAST_RECEIVER_CONSOLE__CONTROL_TOKEN: { secret: 'control' },
      SEMCAST_RECEIVER_CONSOLE__CHANNEL_TOKEN: { secret: 'control' },
      SEMCAST_RECEIVER_CONSOLE__TRANSMITTER_TOKEN: { secret: 'control' },
    },
  },
  {
    name: 'receiver-decode',
    service: 'receiver',
    port: 7402,
    replicas: REPLICAS.min,
    cpu: DECODE_THREADS,
    memory: '4Gi',
    settings: {
      ...QUEUE_SETTINGS,
      SEMCAST_RECEIVER_ROLE: 'decode',
      SEMCAST_RECEIVER_WORKERS: String(DECODE_THREADS),
      // What has begun is done by then; closing has the rest of the grace period.
      SEMCAST_RECEIVER_DRAIN_MS: '3000',
      SEMCAST_RECEIVER_MAX_IMAGE_PIXELS: '4194304',
      SEMCAST_RECEIVER_CONSOLE__ENABLED: 'false',
    },
  },
] as const satisfies readonly Part[];

/** Who opens connections to whom; nothing else is let through. */
const PATHS: readonly (readonly [from: string, to: string, port: number])[] = [
  ['transmitter', 'channel', 7401],
  ['channel', 'receiver', 7402],
  // The console's controls and pictures.
  ['receiver', 'channel', 7401],
  ['receiver', 'transmitter', 7403],
  ['receiver', QUEUE.name, QUEUE.port],
  ['receiver-decode', QUEUE.name, QUEUE.port],
];

const labelsOf = (name: string) => ({ 'app.kubernetes.io/name': name });
const metadataOf = (name: string) => ({
  name,
  labels: { ...labelsOf(name), 'app.kubernetes.io/part-of': 'semcast' },
});
const inNamespace = (name: string): INetworkPolicyPeer => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});
const podsOf = (name: string): INetworkPolicyPeer => ({ podSelector: { matchLabels: labelsOf(name) } });

const probe = (path: string, port: string) => ({ httpGet: { path, port }, periodSeconds: 5, timeoutSeconds: 4 });

function envOf(settings: Readonly<Record<string, Setting>>): IEnvVar[] {
  return Object.entries(settings).map(([name, value]) =>
    typeof value === 'string'
      ? { name, value }
      : { name, valueFrom: { secretKeyRef: { name: SECRET, key: value.secret } } },
  );
}

/** Nothing that a pod doesn't need; its containers neither. */
function podOf(containers: IContainer[], more: Partial<IPodSpec>): IPodSpec {
  return {
    automountServiceAccountToken: false,
    // Variables such as <NAME>_PORT for every Service: with a prefix of semcast- they would be taken for settings.
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: containers.map((container) => ({
      ...container,
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    })),
    ...more,
  };
}

function deploymentOf({ name, service, port, replicas, cpu, memory, settings }: Part): Deployment {
  const prefix = `SEMCAST_${service.toUpperCase()}`;
  return new Deployment({
    metadata: metadataOf(name),
    spec: {
      replicas,
      selector: { matchLabels: labelsOf(name) },
      template: {
        metadata: { labels: metadataOf(name).labels },
        spec: podOf(
          [
            {
              name: 'semcast',
              image: IMAGE,
              args: [service],
              env: envOf({ [`${prefix}_HOST`]: '0.0.0.0', [`${prefix}_ALLOWED_HOSTS`]: name, ...settings }),
              ports: [{ name: 'http', containerPort: port }],
              // Loading the networks takes seconds, on a GPU more: five minutes at most.
              startupProbe: { ...probe('/healthz', 'http'), failureThreshold: 60 },
              livenessProbe: probe('/healthz', 'http'),
              readinessProbe: probe('/readyz', 'http'),
              resources: { requests: { cpu, memory }, limits: { cpu, memory } },
              volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
            },
          ],
          {
            // Another process is the first one then: the first one's own signals don't end it (docs/closing.md).
            shareProcessNamespace: true,
            // A service ends itself after 10 s.
            terminationGracePeriodSeconds: 15,
            volumes: [{ name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } }],
          },
        ),
      },
    },
  });
}

/** Without an address of its own: its name has those of all pods, for Prometheus, and for links that are made anew. */
function serviceOf(name: string, ports: Readonly<Record<string, number>>): Service {
  return new Service({
    metadata: metadataOf(name),
    spec: {
      clusterIP: 'None',
      selector: labelsOf(name),
      ports: Object.entries(ports).map(([portName, port]) => ({ name: portName, port, targetPort: portName })),
    },
  });
}

function queue(): StatefulSet {
  return new StatefulSet({
    metadata: metadataOf(QUEUE.name),
    spec: {
      serviceName: QUEUE.name,
      replicas: 1,
      selector: { matchLabels: labelsOf(QUEUE.name) },
      template: {
        metadata: { labels: metadataOf(QUEUE.name).labels },
        spec: podOf(
          [
            {
              name: 'nats',
              image: 'nats:2.10.22-alpine',
              args: ['--config', '/etc/nats/nats.conf', '--auth', '$(QUEUE_TOKEN)'],
              env: envOf({ QUEUE_TOKEN: QUEUE_SETTINGS.QUEUE_TOKEN }),
              ports: [
                { name: 'nats', containerPort: QUEUE.port },
                { name: 'monitoring', containerPort: QUEUE.monitoringPort },
              ],
              startupProbe: { ...probe('/healthz', 'monitoring'), failureThreshold: 60 },
              livenessProbe: probe('/healthz?js-enabled-only=true', 'monitoring'),
              readinessProbe: probe('/healthz?js-server-only=true', 'monitoring'),
              resources: { requests: { cpu: 1, memory: '2Gi' }, limits: { cpu: 1, memory: '2Gi' } },
              volumeMounts: [
                { name: 'config', mountPath: '/etc/nats', readOnly: true },
                { name: 'data', mountPath: '/data' },
              ],
            },
          ],
          { volumes: [{ name: 'config', configMap: { name: 'nats' } }] },
        ),
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  });
}

/** A node that is emptied takes one of several pods at a time. */
function budgetOf(name: string): PodDisruptionBudget {
  return new PodDisruptionBudget({
    metadata: metadataOf(name),
    spec: { maxUnavailable: 1, selector: { matchLabels: labelsOf(name) } },
  });
}

/** Nothing but name resolution for everybody, and for each what {@link PATHS} has. */
function policies(): NetworkPolicy[] {
  const everybody = new NetworkPolicy({
    metadata: metadataOf('default'),
    spec: {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      egress: [
        {
          to: [inNamespace('kube-system')],
          ports: [
            { protocol: 'UDP', port: 53 },
            { protocol: 'TCP', port: 53 },
          ],
        },
      ],
    },
  });
  const prometheus = { ...inNamespace('monitoring'), ...podsOf('prometheus') };
  const of = (name: string, metricsPort?: number): NetworkPolicy =>
    new NetworkPolicy({
      metadata: metadataOf(name),
      spec: {
        podSelector: { matchLabels: labelsOf(name) },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          ...PATHS.filter(([, to]) => to === name).map(([from, , port]) => ({
            from: [podsOf(from)],
            ports: [{ port }],
          })),
          ...(metricsPort === undefined ? [] : [{ from: [prometheus], ports: [{ port: metricsPort }] }]),
        ],
        egress: PATHS.filter(([from]) => from === name).map(([, to, port]) => ({
          to: [podsOf(to)],
          ports: [{ port }],
        })),
      },
    });
  return [everybody, ...PARTS.map(({ name, port }) => of(name, port)), of(QUEUE.name)];
}

const DECODE = 'receiver-decode';
const TARGET = { apiVersion: 'apps/v1', kind: 'Deployment', name: DECODE } as const;

/** More workers when those that are there are busy for more than 70 % of their time. */
function cpuAutoscaler(): HorizontalPodAutoscaler {
  return new HorizontalPodAutoscaler({
    metadata: metadataOf(DECODE),
    spec: {
      scaleTargetRef: TARGET,
      minReplicas: REPLICAS.min,
      maxReplicas: REPLICAS.max,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      ],
    },
  });
}

/** A worker for as many frames, waiting or in work, as one takes from the queue: more when others wait behind them. */
function queueAutoscaler(bundleDigest: string): ScaledObject {
  return new ScaledObject({
    metadata: metadataOf(DECODE),
    spec: {
      scaleTargetRef: TARGET,
      minReplicaCount: REPLICAS.min,
      maxReplicaCount: REPLICAS.max,
      pollingInterval: 5,
      triggers: [
        {
          type: 'nats-jetstream',
          metadata: {
            natsServerMonitoringEndpoint: `${QUEUE.name}.${NAMESPACE}.svc:${QUEUE.monitoringPort}`,
            account: '$G',
            stream: FRAMES_STREAM,
            consumer: consumerName(bundleDigest, DECODER),
            lagThreshold: String(2 * DECODE_THREADS),
          },
        },
      ],
    },
  });
}

function kedaPolicy(): NetworkPolicy {
  return new NetworkPolicy({
    metadata: metadataOf('keda'),
    spec: {
      podSelector: { matchLabels: labelsOf(QUEUE.name) },
      policyTypes: ['Ingress'],
      ingress: [{ from: [inNamespace('keda')], ports: [{ port: QUEUE.monitoringPort }] }],
    },
  });
}

/** Files under deploy/kubernetes that kustomization.yaml files name, with their documents. */
export function kubernetesFiles(bundleDigest: string): Readonly<Record<string, string>> {
  const files = {
    'base/semcast.yaml': [
      new Namespace({
        metadata: {
          name: NAMESPACE,
          labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
        },
      }),
      ...PARTS.map(deploymentOf),
      ...PARTS.map(({ name, port }) => serviceOf(name, { http: port })),
      queue(),
      serviceOf(QUEUE.name, { nats: QUEUE.port, monitoring: QUEUE.monitoringPort }),
      budgetOf('receiver'),
      budgetOf(DECODE),
      ...policies(),
    ],
    'components/hpa/autoscaler.yaml': [cpuAutoscaler()],
    'components/keda/autoscaler.yaml': [queueAutoscaler(bundleDigest), kedaPolicy()],
  };
  return Object.fromEntries(
    Object.entries(files).map(([path, documents]) => [
      path,
      [
        '# Made by npm run generate from deploy/src/kubernetes.ts.\n',
        ...documents.map((document) => stringify(document.toJSON(), { lineWidth: 0 })),
      ].join('---\n'),
    ]),
  );
}
