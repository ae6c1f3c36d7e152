import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findFreePorts, tryPort } from '../src/processes/ports.js';
import type { ServiceSpec } from '../src/processes/service-process.js';
import { createSupervisor, type Supervisor, type SupervisorOptions } from '../src/processes/supervisor.js';

/** A service of a few lines; what it does is told by its argument. */
const FAKE = `
const what = process.argv[2];
const ready = () => process.send({ type: 'ready', httpUrl: 'http://127.0.0.1:1' });
process.on('disconnect', () => process.exit(0));
process.send({ pid: process.pid });
process.on('SIGUSR2', () => { console.error('Error: it broke'); process.exit(7); });
process.on('SIGHUP', () => process.exit(0));
if (what === 'stubborn') process.on('SIGTERM', () => {});
else process.on('SIGTERM', () => { console.error(JSON.stringify({ level: 30, msg: 'bye' })); process.exit(0); });
if (what === 'fail') { console.error('Error: no such folder'); console.error('    at somewhere (file.js:1:1)'); process.exit(1); }
else if (what === 'silent') setInterval(() => {}, 1000);
else if (what === 'crash-at-boot-after-once') {
  const { existsSync, writeFileSync } = await import('node:fs');
  if (existsSync(process.argv[3])) { console.error('Error: broken for good'); process.exit(1); }
  writeFileSync(process.argv[3], '');
  ready(); setTimeout(() => process.exit(1), 50);
}
else { console.error(JSON.stringify({ level: 40, msg: 'a warning' })); ready(); setInterval(() => {}, 1000); }
`;

let dir: string;
let entry: string;
let supervisor: Supervisor | undefined;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'semcast-test-'));
  entry = join(dir, 'fake.mjs');
  await writeFile(entry, FAKE);
});
afterEach(async () => {
  await supervisor?.stop();
  supervisor = undefined;
});
afterAll(async () => await rm(dir, { recursive: true }));

const spec = (name: string, ...args: string[]): ServiceSpec => ({ name, entry, args });
/** Process ids of all services that were started, in that order. */
let pids: number[] = [];
function create(options: Partial<SupervisorOptions> = {}): Supervisor {
  pids = [];
  supervisor = createSupervisor({
    restartDelayMs: 20,
    graceMs: 300,
    onLine: () => {},
    onLost: () => {},
    onRecovered: () => {},
    onMessage: (_, message) => pids.push((message as { pid: number }).pid),
    ...options,
  });
  return supervisor;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) {
      return;
    }
    await sleep(10);
  }
  throw new Error(`waited in vain: ${what}`);
}

describe('a supervisor', () => {
  it('starts services, passes lines and messages on, and ends them, the last one first', async () => {
    const lines: string[] = [];
    const messages: unknown[] = [];
    const watch = create({
      onLine: (service, line) => lines.push(`${service} ${line}`),
      onMessage: (service, message) => {
        messages.push(service);
        pids.push((message as { pid: number }).pid);
      },
    });
    expect(await watch.start(spec('first', 'run'))).toEqual({ type: 'ready', httpUrl: 'http://127.0.0.1:1' });
    await watch.start(spec('second', 'run'));
    expect(messages).toEqual(['first', 'second']);
    await watch.stop();
    expect(lines.filter((line) => line.includes('bye')).map((line) => line.split(' ')[0])).toEqual(['second', 'first']);
    expect(lines.some((line) => line.includes('a warning'))).toBe(true);
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  it('starts a service again that ended or was killed', async () => {
    const lost: string[] = [];
    let recovered = 0;
    const watch = create({
      onLost: (text) => lost.push(text),
      onRecovered: () => {
        recovered++;
      },
    });
    await watch.start(spec('service', 'run'));
    process.kill(pids[0]!, 'SIGKILL');
    await until(() => recovered === 1, 'the restart');
    expect(pids[1]).not.toBe(pids[0]);
    process.kill(pids[1]!, 'SIGUSR2');
    await until(() => recovered === 2, 'the second restart');
    expect(lost).toEqual([
      'the service was killed (SIGKILL); starting it again (1 of 3)',
      'the service ended with code 7; starting it again (2 of 3)',
    ]);
  });

  it('gives up after three restarts in a row, with the last lines of its log', async () => {
    const watch = create();
    const attempts = watch.start(spec('service', 'crash-at-boot-after-once', join(dir, 'marker')));
    await attempts;
    await expect(watch.lost).rejects.toMatchObject({
      code: 'E_SERVICE_LOST',
      message: expect.stringMatching(/started again 3 times in vain.*broken for good/),
    });
  });

  it('lets a service go that has done its work', async () => {
    let lost = 0;
    const watch = create({
      onLost: () => {
        lost++;
      },
    });
    await watch.start(spec('service', 'run'));
    watch.release('service');
    process.kill(pids[0]!, 'SIGHUP');
    await until(() => !isAlive(pids[0]!), 'its end');
    await sleep(50);
    expect(lost).toBe(0);
  });

  it('tells why a service could not start, with its own message', async () => {
    await expect(create().start(spec('receiver', 'fail'))).rejects.toMatchObject({
      code: 'E_SERVICE_BOOT',
      message: 'the receiver ended with code 1 before it was ready: Error: no such folder',
      remedy: 'mend that, or run "semcast receiver" by itself to see its whole log',
    });
  });

  it('does not wait for ever for a service that stays silent', async () => {
    await expect(create({ bootTimeoutMs: 300 }).start(spec('receiver', 'silent'))).rejects.toThrow(/not ready within/);
  });

  it('stops while a service boots', async () => {
    const watch = create();
    const starting = watch.start(spec('receiver', 'silent')).catch((error: unknown) => error);
    await sleep(100);
    await watch.stop();
    expect(await starting).toMatchObject({ name: 'AbortError' });
  });

  it('kills what does not end by itself', async () => {
    const watch = create();
    await watch.start(spec('receiver', 'stubborn'));
    const pid = pids[0]!;
    const startedAt = performance.now();
    await watch.stop();
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(isAlive(pid)).toBe(false);
  });
});

describe('ports', () => {
  it('are told free or taken, and free ones are distinct', async () => {
    const ports = await findFreePorts(3);
    expect(new Set(ports).size).toBe(3);
    expect(await tryPort(ports[0]!)).toBeNull();
    const { createServer } = await import('node:net');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(ports[0], '127.0.0.1', resolve));
    expect(await tryPort(ports[0]!)).toBe('EADDRINUSE');
    await new Promise((resolve) => server.close(resolve));
  });
});
