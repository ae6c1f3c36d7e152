import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY_ROOT } from '@semcast/deploy';
import { createProcessKeeper, findProgram, freePorts, waitFor } from '@semcast/testkit';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

export const prometheus = findProgram('prometheus', 'prometheus');

/** One sample of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Debian's Prometheus, with the configuration of deploy/prometheus. */
export interface TestPrometheus {
  /** Have a job scrape this address, too: `127.0.0.1:7401`. */
  addTarget(job: string, address: string): Promise<void>;
  /** An instant query of a vector. @throws Error with the server's words */
  query(expr: string): Promise<Sample[]>;
  /** The one value that an expression has; undefined when it has none or several. */
  value(expr: string): Promise<number | undefined>;
  close(): Promise<void>;
}

const answerSchema = z.discriminatedUnion('status', [
  z.looseObject({
    status: z.literal('success'),
    data: z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
    }),
  }),
  z.looseObject({ status: z.literal('error'), error: z.string() }),
]);

const configSchema = z.looseObject({
  global: z.looseObject({}),
  rule_files: z.array(z.string()),
  scrape_configs: z.array(z.looseObject({ job_name: z.string(), dns_sd_configs: z.array(z.unknown()).optional() })),
});

/** The configuration as it is, but for where things are, and with more scrapes: a test doesn't last long. */
async function testConfig(targets: string): Promise<string> {
  const folder = join(REPOSITORY_ROOT, 'deploy', 'prometheus');
  const config = configSchema.parse(parse(await readFile(join(folder, 'prometheus.yml'), 'utf8')));
  return stringify({
    ...config,
    global: { ...config.global, scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '2s' },
    rule_files: config.rule_files.map((path) => path.replace('/etc/prometheus', folder)),
    scrape_configs: config.scrape_configs
      .filter(({ dns_sd_configs: names }) => names !== undefined)
      .map((job) =>
        // A file takes the place of the name.
        Object.assign(job, {
          dns_sd_configs: undefined,
          file_sd_configs: [{ files: [join(targets, `${job.job_name}.json`)] }],
        }),
      ),
  });
}

export async function startPrometheus(): Promise<TestPrometheus> {
  const dir = await mkdtemp(join(tmpdir(), 'semcast-prometheus-'));
  const keeper = createProcessKeeper();
  const targets = join(dir, 'targets');
  const config = join(dir, 'prometheus.yml');
  await mkdir(targets);
  await writeFile(config, await testConfig(targets));
  const [port] = (await freePorts(1)) as [number];
  const url = `http://127.0.0.1:${port}`;
  const process = keeper.start({
    command: prometheus!,
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
  });
  let ended: string | undefined;
  const watch = async (): Promise<void> => {
    const { code } = await process.ended;
    ended = `it ended with ${code}: ${process.stderr}`;
  };
  void watch();
  const close = async (): Promise<void> => {
    await keeper.killAll();
    await rm(dir, { recursive: true });
  };
  try {
    await waitFor('Prometheus', async () => {
      if (ended !== undefined) {
        throw new Error(ended);
      }
      const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
      return answer?.ok === true;
    });
  } catch (error) {
    await close();
    throw error;
  }

  const addresses = new Map<string, string[]>();
  const query = async (expr: string): Promise<Sample[]> => {
    const body = new URLSearchParams({ query: expr });
    const answer = answerSchema.parse(await (await fetch(`${url}/api/v1/query`, { method: 'POST', body })).json());
    if (answer.status === 'error') {
      throw new Error(`${expr}: ${answer.error}`);
    }
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  };
  return {
    addTarget: async (job, address) => {
      const all = [...(addresses.get(job) ?? []), address];
      addresses.set(job, all);
      // Whole or not at all: Prometheus looks whenever the folder changes.
      const file = join(targets, `${job}.json`);
      await writeFile(`${file}.new`, JSON.stringify([{ targets: all }]));
      await rename(`${file}.new`, file);
    },
    query,
    value: async (expr) => {
      const samples = await query(expr);
      return samples.length === 1 ? samples[0]!.value : undefined;
    },
    close,
  };
}
