import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY_ROOT } from '@semcast/deploy';
import { parse } from 'yaml';
import { z } from 'zod';

const limits = z.strictObject({ cpus: z.string(), memory: z.string() });
const device = z.strictObject({
  driver: z.string(),
  count: z.union([z.number(), z.literal('all')]),
  capabilities: z.array(z.string()),
});

const serviceSchema = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string(), target: z.string() }).optional(),
  profiles: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  init: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  cap_add: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  restart: z.string().optional(),
  stop_grace_period: z.string().optional(),
  logging: z.unknown(),
  volumes: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  deploy: z.strictObject({
    replicas: z.string().optional(),
    resources: z.strictObject({
      limits,
      reservations: z.strictObject({ devices: z.array(device) }).optional(),
    }),
  }),
});

/** A service of docker-compose.yml, as far as semcast's file goes. */
export type ComposeService = z.infer<typeof serviceSchema>;

const composeSchema = z.looseObject({
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.unknown()),
});

const VARIABLE = /\$\{([A-Z0-9_]+):-([^}]*)\}/g;

export async function readComposeText(): Promise<string> {
  return await readFile(join(REPOSITORY_ROOT, 'docker-compose.yml'), 'utf8');
}

/** Every variable that the file takes, with its default. */
export function variablesOf(text: string): Map<string, Set<string>> {
  const variables = new Map<string, Set<string>>();
  for (const [, name, fallback] of text.matchAll(VARIABLE)) {
    variables.set(name!, (variables.get(name!) ?? new Set()).add(fallback!));
  }
  return variables;
}

function interpolate(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    // `:-` gives the default for what is empty, too.
    return value.replaceAll(VARIABLE, (_, name: string, fallback: string) => env[name] || fallback);
  }
  if (Array.isArray(value)) {
    return value.map((item) => interpolate(item, env));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolate(item, env)]));
  }
  return value;
}

/** docker-compose.yml, its variables replaced. @throws ZodError on anything that these tests don't know of */
export async function readCompose(
  env: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, ComposeService>>> {
  const file = parse(await readComposeText(), { merge: true }) as unknown;
  return composeSchema.parse(interpolate(file, env)).services;
}

/** `NAME=value` lines of an env file. */
export async function readEnvFile(path: string): Promise<Record<string, string>> {
  const text = await readFile(join(REPOSITORY_ROOT, path), 'utf8');
  const lines = text.split('\n').filter((line) => /^[A-Z]/.test(line));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** Services that are started with these profiles. */
export function servicesIn(
  services: Readonly<Record<string, ComposeService>>,
  profiles: readonly string[],
): Record<string, ComposeService> {
  return Object.fromEntries(
    Object.entries(services).filter(
      ([, service]) =>
        (service.profiles === undefined || service.profiles.some((profile) => profiles.includes(profile))) &&
        service.deploy.replicas !== '0',
    ),
  );
}

/** `127.0.0.1:7401:7401` → 7401, the port inside. */
export function containerPort(published: string): number {
  return Number(published.split(':').at(-1));
}
