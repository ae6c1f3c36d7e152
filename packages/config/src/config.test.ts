import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MAX_CONFIG_FILE_BYTES } from './config-sources.js';
import { formatConfig, loadConfig, type ConfigSources } from './config.js';
import { ConfigError } from './errors.js';

const model = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('awgn') }),
  z.strictObject({ name: z.literal('rician-block'), coherence: z.int().default(16), kFactorDb: z.number().default(6) }),
]);
const snr = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('constant'), snrDb: z.number().default(10) }),
  z.strictObject({ name: z.literal('linear'), fromDb: z.number(), toDb: z.number() }),
]);
const schema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
  port: z.int().min(0).max(65_535).default(7401).describe('port to listen on'),
  token: z.string().min(3).optional().describe('what clients must say'),
  receiverUrl: z.url({ protocol: /^wss?$/ }).default('ws://127.0.0.1:7402'),
  loop: z.boolean().default(false),
  logLevel: z.enum(['debug', 'info', 'warn']).default('info'),
  rates: z.array(z.number()).default([]),
  limits: z.strictObject({ maxSessions: z.int().min(1).default(8), idleMs: z.number().default(0) }).prefault({}),
  labels: z.record(z.string(), z.string()).default({}),
  channel: z
    .strictObject({
      model: model.prefault({ name: 'awgn' }),
      snr: snr.prefault({ name: 'constant' }),
      loss: z.number().min(0).max(1).default(0),
    })
    .prefault({}),
});

const folder = mkdtempSync(join(tmpdir(), 'semcast-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileWith(text: string, name = 'channel.yaml'): string {
  const file = join(mkdtempSync(join(folder, `${files++}-`)), name);
  writeFileSync(file, text);
  return file;
}

const load = (sources: Partial<ConfigSources<typeof schema>> = {}) =>
  loadConfig({ schema, name: 'channel', ...sources });

/** The text of the problems alone. */
function problemsOf(sources: Partial<ConfigSources<typeof schema>>): string[] {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.problems.map(({ path, message, source }) => [path, message, source].filter(Boolean).join(' | '));
    }
    throw error;
  }
  return [];
}

const channel = (flags: Record<string, unknown>) => load({ flags }).channel;

describe('loadConfig', () => {
  it('gives the defaults when nothing is said', () => {
    expect(load()).toEqual({
      host: '127.0.0.1',
      port: 7401,
      receiverUrl: 'ws://127.0.0.1:7402',
      loop: false,
      logLevel: 'info',
      rates: [],
      limits: { maxSessions: 8, idleMs: 0 },
      labels: {},
      channel: { model: { name: 'awgn' }, snr: { name: 'constant', snrDb: 10 }, loss: 0 },
    });
  });

  it('puts flags over environment over file over defaults, key by key', () => {
    const file = fileWith('port: 1\nhost: filehost\nlogLevel: debug\nlimits: { maxSessions: 2, idleMs: 5 }\n');
    const env = {
      SEMCAST_CHANNEL_PORT: '2',
      SEMCAST_CHANNEL_HOST: 'envhost',
      SEMCAST_CHANNEL_LIMITS__MAX_SESSIONS: '3',
    };
    expect(load({ file })).toMatchObject({ port: 1, host: 'filehost', limits: { maxSessions: 2, idleMs: 5 } });
    expect(load({ file, env })).toMatchObject({ port: 2, host: 'envhost', limits: { maxSessions: 3, idleMs: 5 } });
    expect(load({ file, env, flags: { port: '3', 'limits.maxSessions': 4 } })).toMatchObject({
      port: 3,
      host: 'envhost',
      logLevel: 'debug',
      limits: { maxSessions: 4, idleMs: 5 },
    });
  });

  it('reads texts as what the schema wants', () => {
    const read = (env: Record<string, string>) =>
      load({ env: Object.fromEntries(Object.entries(env).map(([key, text]) => [`SEMCAST_CHANNEL_${key}`, text])) });
    expect(read({ LOOP: 'true' }).loop).toBe(true);
    expect(['1', 'on', 'YES', 'True'].map((LOOP) => read({ LOOP }).loop)).toEqual([true, true, true, true]);
    expect(['0', 'off', 'no', 'FALSE'].map((LOOP) => read({ LOOP }).loop)).toEqual([false, false, false, false]);
    expect(read({ RATES: '1, 2.5,-3e-1' }).rates).toEqual([1, 2.5, -0.3]);
    expect(read({ RATES: '[4, 5]' }).rates).toEqual([4, 5]);
    expect(read({ TOKEN: '12345' }).token).toBe('12345');
    expect(read({ TOKEN: ' keeps spaces ' }).token).toBe(' keeps spaces ');
    expect(read({ LIMITS: '{"maxSessions": 3}' }).limits).toEqual({ maxSessions: 3, idleMs: 0 });
    expect(read({ LABELS__SITE_NAME: 'lab' }).labels).toEqual({ siteName: 'lab' });
    expect(load({ flags: { 'labels.siteName': 'lab' } }).labels).toEqual({ siteName: 'lab' });
    expect(read({ LABELS: '{ site: lab }' }).labels).toEqual({ site: 'lab' });
  });

  it('chooses among shapes by name, by options, or by both', () => {
    const rician = { name: 'rician-block', coherence: 16, kFactorDb: 6 };
    expect(channel({ 'channel.model': 'rician-block' }).model).toEqual(rician);
    expect(channel({ 'channel.model': '{ name: rician-block, coherence: 4 }' }).model).toEqual({
      ...rician,
      coherence: 4,
    });
    expect(channel({ channel: { model: { name: 'rician-block', kFactorDb: '3' } } }).model).toEqual({
      ...rician,
      kFactorDb: 3,
    });
    const both = { 'channel.model': 'rician-block', 'channel.model.coherence': '8' };
    expect(channel(both).model).toEqual({ ...rician, coherence: 8 });
    // Options without a name belong to the default shape.
    expect(channel({ 'channel.snr.snrDb': '-2' }).snr).toEqual({ name: 'constant', snrDb: -2 });
  });

  it('forgets the options of a shape that a higher source replaces, and keeps them otherwise', () => {
    const file = fileWith(
      'channel: { model: { name: rician-block, coherence: 4 }, snr: { name: linear, fromDb: 0, toDb: 9 } }',
    );
    expect(load({ file, flags: { 'channel.model': 'awgn' } }).channel.model).toEqual({ name: 'awgn' });
    expect(load({ file, flags: { 'channel.model.kFactorDb': 1 } }).channel.model).toEqual({
      name: 'rician-block',
      coherence: 4,
      kFactorDb: 1,
    });
    const env = { SEMCAST_CHANNEL_CHANNEL__SNR__TO_DB: '20' };
    expect(load({ file, env }).channel.snr).toEqual({ name: 'linear', fromDb: 0, toDb: 20 });
  });

  it('reads JSON, an empty file, kebab flags, and a file named in the environment', () => {
    expect(load({ file: fileWith('{"port": 9, "loop": true}', 'channel.json') })).toMatchObject({
      port: 9,
      loop: true,
    });
    expect(load({ file: fileWith('# nothing yet\n') })).toEqual(load());
    expect(load({ flags: { 'log-level': 'debug', 'limits.max-sessions': '2' } })).toMatchObject({
      logLevel: 'debug',
      limits: { maxSessions: 2 },
    });
    const named = fileWith('port: 11');
    expect(load({ env: { SEMCAST_CHANNEL_CONFIG: named } }).port).toBe(11);
    expect(load({ env: { SEMCAST_CHANNEL_CONFIG: named }, file: fileWith('port: 12') }).port).toBe(12);
    expect(load({ env: { SEMCAST_CHANNEL_CONFIG: '' } }).port).toBe(7401);
  });

  it('takes empty variables, undefined flags and the variables of other programs for unset', () => {
    const env = {
      SEMCAST_CHANNEL_TOKEN: '',
      SEMCAST_RECEIVER_PORT: '5',
      SEMCAST_BUNDLE: 'x',
      PORT: '80',
      PATH: '/bin',
    };
    expect(load({ env, flags: { port: undefined, limits: { maxSessions: undefined } } })).toEqual(load());
  });

  it('ignores what Kubernetes says about a Service of the same name, but no more', () => {
    const env = {
      SEMCAST_CHANNEL_SERVICE_HOST: '10.0.0.1',
      SEMCAST_CHANNEL_SERVICE_PORT: '7401',
      SEMCAST_CHANNEL_SERVICE_PORT_HTTP: '7401',
      SEMCAST_CHANNEL_PORT: 'tcp://10.0.0.1:7401',
      SEMCAST_CHANNEL_PORT_7401_TCP: 'tcp://10.0.0.1:7401',
      SEMCAST_CHANNEL_PORT_7401_TCP_ADDR: '10.0.0.1',
    };
    expect(load({ env })).toEqual(load());
    expect(problemsOf({ env: { ...env, SEMCAST_CHANNEL_PORT_7401: 'x' } })).toHaveLength(1);
  });
});

describe('a wrong configuration', () => {
  it('names unknown keys, the nearest known one, and where they stand', () => {
    expect(problemsOf({ flags: { prot: 1 } })).toEqual(['unknown flag --prot; did you mean "--port"?']);
    expect(problemsOf({ flags: { 'limits.maxSession': 1 } })).toEqual([
      'unknown flag --limits.maxSession; did you mean "--limits.maxSessions"?',
    ]);
    expect(problemsOf({ env: { SEMCAST_CHANNEL_LOGLEVEL: 'info' } })).toEqual([
      'unknown environment variable SEMCAST_CHANNEL_LOGLEVEL; did you mean "SEMCAST_CHANNEL_LOG_LEVEL"?',
    ]);
    expect(problemsOf({ env: { SEMCAST_CHANNEL_PORT__NUMBER: '1' } })).toEqual([
      'unknown environment variable SEMCAST_CHANNEL_PORT__NUMBER',
    ]);
    expect(problemsOf({ file: fileWith('prot: 1\nlimits:\n  maxSesions: 2\n') })).toEqual([
      'unknown key "prot"; did you mean "port"? | file channel.yaml',
      'unknown key "maxSesions" in limits; did you mean "maxSessions"? | file channel.yaml',
    ]);
    expect(problemsOf({ file: fileWith('colour: red') })).toEqual([
      'unknown key "colour"; known are host, port, token, receiverUrl, loop, logLevel, rates, limits, labels, channel | file channel.yaml',
    ]);
  });

  it('names unknown keys even when the schema would drop them', () => {
    const lax = z.object({ port: z.number().default(1) });
    expect(() => loadConfig({ schema: lax, name: 'x', flags: { prot: 2 } })).toThrow('did you mean "--port"?');
    expect(() => loadConfig({ schema: lax, name: 'x', file: fileWith('prot: 2') })).toThrow('did you mean "port"?');
  });

  it('names options that belong to another shape', () => {
    expect(problemsOf({ file: fileWith('channel: { model: { name: awgn, coherence: 4 } }') })).toEqual([
      'channel.model.coherence | is no key of awgn | file channel.yaml',
    ]);
    expect(problemsOf({ flags: { 'channel.model.coherence': 4 } })).toEqual([
      'channel.model.coherence | is no key of awgn | flag --channel.model.coherence',
    ]);
    expect(problemsOf({ flags: { 'channel.snr': '{ name: linear, fromDb: 1, snrDb: 1 }' } })).toEqual([
      'channel.snr.toDb | is required | flag --channel.snr',
      'channel.snr.snrDb | is no key of linear; known are toDb | flag --channel.snr',
    ]);
  });

  it('says what is wrong with a value, which it shows, and who set it', () => {
    const env = { SEMCAST_CHANNEL_PORT: 'seven', SEMCAST_CHANNEL_LIMITS__MAX_SESSIONS: '0' };
    expect(problemsOf({ env, file: fileWith('loop: 3\nlogLevel: wran\nreceiverUrl: http://x\nport: 80\n') })).toEqual([
      'port | must be a number, not "seven" | environment variable SEMCAST_CHANNEL_PORT',
      'receiverUrl | must be a URL whose protocol matches ^wss?$, not "http://x" | file channel.yaml',
      'loop | must be true or false, not 3 | file channel.yaml',
      'logLevel | must be one of debug, info, warn, not "wran"; did you mean "warn"? | file channel.yaml',
      'limits.maxSessions | must be at least 1, not 0 | environment variable SEMCAST_CHANNEL_LIMITS__MAX_SESSIONS',
    ]);
    expect(problemsOf({ flags: { port: 65_536, rates: '1,x', host: '', limits: '5', 'channel.loss': 2 } })).toEqual([
      'host | must have at least 1 characters, not "" | flag --host',
      'port | must be at most 65535, not 65536 | flag --port',
      'rates.1 | must be a number, not "x" | flag --rates',
      'limits | must be a group of keys, not "5" | flag --limits',
      'channel.loss | must be at most 1, not 2 | flag --channel.loss',
    ]);
    expect(problemsOf({ flags: { receiverUrl: 'host' } })).toEqual([
      'receiverUrl | must be a valid url, not "host" | flag --receiverUrl',
    ]);
    expect(problemsOf({ flags: { port: '1.5' } })).toEqual(['port | must be a whole number, not 1.5 | flag --port']);
    expect(problemsOf({ flags: { 'channel.model': 'awgm' } })).toEqual([
      'channel.model.name | must be one of awgn, rician-block, not "awgm"; did you mean "awgn"? | flag --channel.model',
    ]);
    const long = problemsOf({ flags: { port: 'x'.repeat(1000) } });
    expect(long[0]!.length).toBeLessThan(150);
  });

  it('never shows a secret', () => {
    const [problem] = problemsOf({ flags: { token: 'ab' } });
    expect(problem).toBe('token | must have at least 3 characters | flag --token');
    expect(problemsOf({ file: fileWith('token: 12345678') })).toEqual(['token | must be a text | file channel.yaml']);
  });

  it("passes the schema's own message on", () => {
    const refined = z
      .strictObject({
        low: z.number().default(0),
        high: z.number().default(1),
        name: z
          .string()
          .regex(/^[a-z]+$/)
          .default('a'),
      })
      .superRefine(({ low, high }, context) => {
        if (low > high) {
          context.addIssue({ code: 'custom', path: ['low'], message: 'must be below high' });
        }
      });
    const attempt = (flags: Record<string, unknown>) => () => loadConfig({ schema: refined, name: 'x', flags });
    expect(attempt({ low: 5 })).toThrow('the configuration of x is wrong: low must be below high (flag --low)');
    expect(attempt({ name: 'A1' })).toThrow('name must match /^[a-z]+$/, not "A1" (flag --name)');
  });

  it('explains plain unions and wrapped schemas', () => {
    const odd = z.strictObject({
      size: z.union([z.int(), z.literal('auto')]).default('auto'),
      maybe: z.number().nullable().default(null),
      steps: z.preprocess((value) => value, z.int().optional()),
      nested: z.lazy(() => z.strictObject({ depth: z.int().default(1) })).prefault({}),
    });
    const read = (flags: Record<string, unknown>) => loadConfig({ schema: odd, name: 'x', flags });
    expect(read({ size: '12', maybe: '3', steps: '4', 'nested.depth': '5' })).toEqual({
      size: 12,
      maybe: 3,
      steps: 4,
      nested: { depth: 5 },
    });
    expect(read({ size: 'auto' })).toMatchObject({ size: 'auto', maybe: null });
    expect(() => read({ size: 'huge' })).toThrow(
      'size must be a number, not "huge", or must be auto, not "huge" (flag --size)',
    );
    expect(() => read({ 'nested.dept': 5 })).toThrow('unknown flag --nested.dept; did you mean "--nested.depth"?');
  });

  it('names everything at once, and what to do', () => {
    expect(() => load({ flags: { prot: 1, port: 'x' } })).toThrow(
      expect.objectContaining({
        name: 'ConfigError',
        code: 'E_CONFIG',
        message:
          'the configuration of channel is wrong: unknown flag --prot; did you mean "--port"?; ' +
          'port must be a number, not "x" (flag --port)',
        remedy:
          'correct what is named; flags win over environment variables, these over the file, the file over defaults',
      }),
    );
  });

  it('does not let a key reach the prototype', () => {
    const text = '{"__proto__": {"polluted": 1}, "labels": {"__proto__": "x", "constructor": "y"}}';
    expect(problemsOf({ file: fileWith(text) })).toEqual([
      expect.stringMatching(/^unknown key "__proto__"; known are .* \| file channel\.yaml$/),
      'unknown key "__proto__" in labels | file channel.yaml',
      'unknown key "constructor" in labels | file channel.yaml',
    ]);
    expect(problemsOf({ flags: JSON.parse('{"labels.__proto__": "x"}') as object as Record<string, unknown> })).toEqual(
      ['unknown flag --labels.__proto__'],
    );
    expect('polluted' in {}).toBe(false);
  });
});

const failure = (code: string, message: string | RegExp, remedy: string) =>
  expect.objectContaining({ code, message: expect.stringMatching(message), remedy });

/** A configuration of this many bytes, nearly all of them a comment. */
const padding = (bytes: number) => fileWith(`port: 5\n#${'x'.repeat(bytes - 'port: 5\n#'.length)}`);

describe('a configuration file that cannot be used', () => {
  it('is named, with what is wrong and what to do', () => {
    const missing = join(folder, 'none.yaml');
    expect(() => load({ file: missing })).toThrow(
      failure('E_CONFIG_FILE', `the configuration file ${missing} doesn't exist`, 'check the path'),
    );
    expect(() => load({ file: folder })).toThrow(
      failure('E_CONFIG_FILE', `the configuration file ${folder} is a folder`, 'name a YAML or JSON file'),
    );
    expect(() => load({ file: fileWith('port: 1\nhost: [1, 2\n') })).toThrow(
      failure('E_CONFIG_FILE', /is no valid YAML or JSON: .* at line \d+, column \d+$/, 'correct that line'),
    );
    expect(() => load({ file: fileWith('port: 1\nport: 2\n') })).toThrow(/Map keys must be unique at line 2, column 1/);
    expect(() => load({ file: fileWith('- port\n') })).toThrow(/holds a list, not keys with values$/);
    expect(() => load({ file: fileWith('7401') })).toThrow(/holds a single value, not keys with values$/);
  });

  it('may come through a pipe, which is read once however often it is asked for', () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', 'printf "port: 7\\n" >"$1"', 'sh', pipe]);
    try {
      expect(load({ file: pipe }).port).toBe(7);
      expect(load({ file: pipe }).port).toBe(7);
    } finally {
      writer.kill('SIGKILL');
    }
  });

  it('may be a device, which is read no farther than the limit', () => {
    expect(load({ file: '/dev/null' }).port).toBe(load({}).port);
    expect(() => load({ file: '/dev/zero' })).toThrow(failure('E_CONFIG_FILE', /has more than/, expect.any(String)));
  });

  it('is read up to the limit and refused beyond', () => {
    expect(load({ file: padding(MAX_CONFIG_FILE_BYTES) }).port).toBe(5);
    expect(() => load({ file: padding(MAX_CONFIG_FILE_BYTES + 1) })).toThrow(
      failure(
        'E_CONFIG_FILE',
        'has more than 1048576 bytes',
        'check the path: a configuration takes a few hundred bytes',
      ),
    );
  });
});

describe('formatConfig', () => {
  const secret = { token: 'hunter2', receiverUrl: 'ws://user:hunter2@host:7402' };

  it('prints YAML with descriptions and without secrets', () => {
    const text = formatConfig(load({ flags: secret }), schema);
    expect(text).not.toContain('hunter2');
    expect(text).toContain('# what clients must say\ntoken: "[redacted]"\n');
    expect(text).toContain('# port to listen on\nport: 7401\n');
    expect(text).toContain('receiverUrl: ws://user:[redacted]@host:7402\n');
    expect(text).toContain('snr:\n    name: constant\n    snrDb: 10\n');
  });

  it('prints what can be read back', () => {
    const flags = { 'channel.model': 'rician-block', rates: '1,2', labels: { a: 'b' } };
    const config = load({ flags });
    expect(load({ file: fileWith(formatConfig(config, schema)) })).toEqual(config);
    expect(load({ file: fileWith(formatConfig(config)) })).toEqual(config);
  });

  it('reads a list of shapes from names, from braces, and from flags that come several times', () => {
    const chain = z.strictObject({ chain: z.array(model).default([]) });
    const read = (flag: unknown) => loadConfig({ schema: chain, name: 'x', flags: { chain: flag } }).chain;
    const rician = { name: 'rician-block', coherence: 4, kFactorDb: 6 };
    expect(read(['awgn', '{name: rician-block, coherence: 4}'])).toEqual([{ name: 'awgn' }, rician]);
    expect(read('[{"name": "awgn"}, {"name": "rician-block", "coherence": 4}]')).toEqual([{ name: 'awgn' }, rician]);
    expect(read(['awgn,awgn', '[{name: awgn}]'])).toHaveLength(3);
    expect(read([{ name: 'awgn' }])).toEqual([{ name: 'awgn' }]);
  });

  it('does not let a placeholder become the secret', () => {
    expect(problemsOf({ file: fileWith(formatConfig(load({ flags: secret }))) })).toEqual([
      'token | is the placeholder of a printed configuration; put the secret itself there | file channel.yaml',
      'receiverUrl | is the placeholder of a printed configuration; put the secret itself there | file channel.yaml',
    ]);
  });

  it('finds descriptions inside wrappers and unions', () => {
    const described = z.strictObject({
      steps: z.int().describe('how many').default(4),
      sampler: z
        .discriminatedUnion('name', [
          z.strictObject({ name: z.literal('a'), eta: z.number().default(1).describe('step of a') }),
          // Options before the name, as registries that extend option schemas have it.
          z.strictObject({ eta: z.number().default(2).describe('step of b'), name: z.literal('b') }),
        ])
        .prefault({ name: 'b' }),
    });
    expect(formatConfig(loadConfig({ schema: described, name: 'x' }), described)).toBe(
      '# how many\nsteps: 4\nsampler:\n  name: b\n  # step of b\n  eta: 2\n',
    );
  });
});
