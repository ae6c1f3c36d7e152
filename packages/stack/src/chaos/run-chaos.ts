import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProcessKeeper, freePorts, REPOSITORY_ROOT, startNatsServer, waitFor } from '@semcast/testkit';
import type { ChannelServiceConfigInput } from '@semcast/channel';
import type { ReceiverConfigInput } from '@semcast/receiver';
import { DEMO_PHOTOS, type TransmitterConfigInput, type TransmitterMessage } from '@semcast/transmitter';
import { Hop } from './hop.js';
import { drawFaults, type Fault } from './schedule.js';
import { natsVictim, Service, type Victim } from './service.js';

export interface ChaosOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Between two faults, on average. */
  readonly meanGapMs: number;
  /** Where nats-server is: then two workers decode at a queue. Undefined: the receiver decodes itself. */
  readonly nats: string | undefined;
  /** An empty folder. */
  readonly dir: string;
  readonly say: (line: string) => void;
  /** Ends the run early, without a comparison. */
  readonly signal: AbortSignal;
}

export interface ChaosReport {
  /** Faults that were injected: kind and target. */
  readonly faults: Readonly<Record<string, number>>;
  readonly frames: number;
  readonly results: number;
  readonly drops: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

/** Small, with a prior: a sampler draws random numbers, which must not depend on what happens. */
const BUNDLE = join(REPOSITORY_ROOT, 'packages/bundle/fixtures/posterior-bundle');
const PHOTOGRAPHS = ['brushes', 'creek', 'dandelion'];
const STREAM = 'chaos';
const FPS = 12;
/** After the last fault, all that is under way ends within this. */
const SETTLE_MS = 120_000;

interface Outcome {
  readonly kind: string;
  readonly reason?: string;
}

/** Frames of a stream as its journal has them, and their pictures. */
interface Ledger {
  readonly frames: readonly number[];
  readonly outcomes: ReadonlyMap<number, Outcome>;
  /** SHA-256 of the files of each. */
  readonly pictures: ReadonlyMap<number, readonly string[]>;
}

/** The transmitter's settings, whatever goes wrong. */
const transmitterConfig = (dir: string): TransmitterConfigInput => ({
  stream: STREAM,
  source: [join(dir, 'photographs')],
  size: 32,
  bundle: BUNDLE,
  designCsnrDb: 10,
  decoder: 'conditional',
  // As few as it insists on, so that a busy receiver spends no fewer.
  decoderOptions: { steps: 8, minSteps: 8 },
});
/** Some frames are lost on the air: each of these, and no other, whatever else happens. */
const CHANNEL: ChannelServiceConfigInput = { channel: { seed: 7, loss: 0.03 } };
const RECEIVER: ReceiverConfigInput = { bundle: BUNDLE, workers: 1, warmUp: false, console: { enabled: false } };
/** Peers that fall silent are given up within a second. */
const LINKS = { pingIntervalMs: 500 };

async function readLedger(dir: string): Promise<Ledger> {
  const lines = (await readFile(join(dir, 'journal.jsonl'), 'utf8')).trimEnd().split('\n').slice(1);
  const entries = lines.map((line) => JSON.parse(line) as Outcome & { readonly frame: number });
  const pictures = new Map<number, string[]>();
  for (const name of await readdir(join(dir, 'received'))) {
    const frame = Number(/-(\d{6})-/.exec(name)?.[1]);
    const hash = createHash('sha256').update(await readFile(join(dir, 'received', name)));
    pictures.set(frame, [...(pictures.get(frame) ?? []), hash.digest('hex')]);
  }
  return {
    frames: entries.map(({ frame }) => frame),
    outcomes: new Map(entries.map((entry) => [entry.frame, entry])),
    pictures,
  };
}

/** What doesn't hold of a stream: each frame has exactly one outcome, and a picture where that is one. */
function violationsOf({ frames, outcomes, pictures }: Ledger): string[] {
  const violations: string[] = [];
  if (outcomes.size !== frames.length) {
    violations.push(`${frames.length - outcomes.size} frames have more than one outcome`);
  }
  const highest = Math.max(-1, ...frames);
  for (let frame = 0; frame <= highest; frame++) {
    const outcome = outcomes.get(frame);
    const files = pictures.get(frame)?.length ?? 0;
    if (outcome === undefined) {
      violations.push(`frame ${frame} has no outcome`);
    } else if (outcome.kind === 'dropped' && outcome.reason === undefined) {
      violations.push(`frame ${frame} was dropped without a reason`);
    } else if (files !== Number(outcome.kind === 'completed')) {
      violations.push(`frame ${frame} is ${outcome.kind} and has ${files} pictures`);
    }
  }
  return violations;
}

/** What is otherwise than in a calm run. */
function differences(ledger: Ledger, calm: Ledger): string[] {
  const violations: string[] = [];
  for (const [frame, { kind, reason }] of ledger.outcomes) {
    const wanted = calm.outcomes.get(frame);
    if (kind === 'completed' && ledger.pictures.get(frame)?.[0] !== calm.pictures.get(frame)?.[0]) {
      violations.push(`the picture of frame ${frame} is another than in a calm run`);
    }
    if (wanted?.kind === 'dropped' && (kind !== 'dropped' || reason !== wanted.reason)) {
      violations.push(`frame ${frame} is ${reason ?? kind}, in a calm run ${wanted.reason}`);
    }
  }
  return violations;
}

/**
 * Send a stream through real processes while faults drawn from a seed meet them, then the same frames through calm ones,
 * and compare. Leaves no process behind, however it ends.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { dir, say, signal } = options;
  const keeper = createProcessKeeper();
  const violations: string[] = [];
  // Also the end of a run that failed: nothing is started again after it.
  const ending = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => {
      ending.abort();
      reject(new Error('interrupted'));
    });
  });
  interrupted.catch(() => {});
  const closers: (() => Promise<unknown>)[] = [() => keeper.killAll()];
  const surroundings = {
    keeper,
    dir,
    signal: ending.signal,
    onEnd: (violation: string) => {
      if (!ending.signal.aborted) {
        say(`VIOLATED: ${violation}`);
        violations.push(violation);
      }
    },
  };
  const service = (name: string, command: string, config: object, jumps = true): Service =>
    new Service(name, command, config, { ...surroundings, jumps });
  const folders = { faulty: join(dir, 'faulty'), calm: join(dir, 'calm') };
  for (const folder of ['photographs', 'faulty', 'calm']) {
    await mkdir(join(dir, folder));
  }
  for (const name of PHOTOGRAPHS) {
    await copyFile(join(DEMO_PHOTOS, `${name}.jpg`), join(dir, 'photographs', `${name}.jpg`));
  }
  const faults: Record<string, number> = {};
  let ledger: Ledger | undefined;
  try {
    say('starting the services');
    await Promise.race([sendThroughFaults(), interrupted]);
    ledger = await readLedger(folders.faulty);
    violations.push(...violationsOf(ledger));
    say(`${ledger.frames.length} frames have their outcome; the same once more, without faults`);
    await keeper.killAll();
    await Promise.race([sendCalmly(ledger.frames.length), interrupted]);
    violations.push(...differences(ledger, await readLedger(folders.calm)));
  } catch (error) {
    if (!signal.aborted) {
      violations.push(error instanceof Error ? error.message : String(error));
    }
  } finally {
    ending.abort();
    for (const close of closers.toReversed()) {
      await close();
    }
  }
  const outcomes = [...(ledger?.outcomes.values() ?? [])];
  const drops: Record<string, number> = {};
  for (const { kind, reason = 'no reason' } of outcomes) {
    if (kind === 'dropped') {
      drops[reason] = (drops[reason] ?? 0) + 1;
    }
  }
  const results = outcomes.filter(({ kind }) => kind === 'completed').length;
  return { faults, frames: outcomes.length, results, drops, violations };

  async function sendThroughFaults(): Promise<void> {
    const [receiverPort, channelPort, transmitterPort] = (await freePorts(3)) as [number, number, number];
    const hops = {
      'transmitter-channel': await Hop.open(channelPort),
      'channel-receiver': await Hop.open(receiverPort),
    };
    closers.push(...Object.values(hops).map((hop) => () => hop.close()));
    const starting = options.nats === undefined ? undefined : startNatsServer(options.nats);
    // Before it has started: an end meanwhile waits for that.
    closers.push(async () => await (await starting)?.remove());
    const server = await starting;
    const queue = server && { queue: server.url, redeliverAfterMs: 1000 };
    const receiver = service('receiver', 'receiver', {
      ...RECEIVER,
      ...LINKS,
      ...queue,
      role: server === undefined ? 'all' : 'ingest',
      port: receiverPort,
    });
    const workers = (server === undefined ? [] : ['worker-1', 'worker-2']).map((name) =>
      service(name, 'receiver', { ...RECEIVER, ...queue, role: 'decode', port: 0 }),
    );
    const receiverUrl = `ws://127.0.0.1:${hops['channel-receiver'].port}`;
    const channel = service('channel', 'channel', {
      ...CHANNEL,
      ...LINKS,
      port: channelPort,
      receiverUrl,
    });
    const transmitter = service('transmitter', 'transmitter', {
      ...transmitterConfig(dir),
      fps: FPS,
      port: transmitterPort,
      to: `ws://127.0.0.1:${hops['transmitter-channel'].port}`,
      journal: join(folders.faulty, 'journal.jsonl'),
      outputDir: join(folders.faulty, 'received'),
    });
    await Promise.all([receiver, ...workers, channel].map((each) => each.start()));
    await transmitter.start();
    const victims = new Map<string, Victim>(
      [
        receiver,
        ...workers,
        channel,
        transmitter,
        ...(server === undefined ? [] : [natsVictim(server, ending.signal)]),
      ].map((each) => [each.name, each]),
    );
    const schedule = drawFaults({ ...options, processes: [...victims.keys()], hops: Object.keys(hops) });
    const startMs = performance.now();
    const busy = new Map<string, Promise<void>>();
    for (const fault of schedule) {
      await sleep(Math.max(0, startMs + fault.atMs - performance.now()), undefined, { signal: ending.signal });
      if (!busy.has(fault.target)) {
        const what = `${fault.kind} ${fault.target}`;
        faults[what] = (faults[what] ?? 0) + 1;
        say(
          `${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${what}, ${(fault.holdMs / 1000).toFixed(1)} s`,
        );
        const over = inject(fault).finally(() => busy.delete(fault.target));
        // Seen below, or by the end of the run.
        over.catch(() => {});
        busy.set(fault.target, over);
      }
    }
    await sleep(Math.max(0, startMs + options.durationMs - performance.now()), undefined, { signal: ending.signal });
    await Promise.all(busy.values());
    say('no more faults; the frames under way');
    const url = `http://127.0.0.1:${transmitterPort}`;
    const headers = { 'content-type': 'application/json' };
    await fetch(`${url}/stream`, { method: 'PUT', headers, body: JSON.stringify({ paused: true }) });
    await waitFor(
      'the frames under way',
      async () => {
        ending.signal.throwIfAborted();
        const { frames } = (await (await fetch(`${url}/stream`)).json()) as {
          frames: { inFlight: number; queued: number };
        };
        return frames.inFlight + frames.queued === 0;
      },
      SETTLE_MS,
    );
    await Promise.all([receiver.ready(receiverPort), channel.ready(channelPort)]);
    const { queue: left } = (await (await fetch(`http://127.0.0.1:${receiverPort}/status`)).json()) as {
      queue: { waiting: number; decoding: number };
    };
    if (left.waiting + left.decoding > 0) {
      violations.push(`${left.waiting + left.decoding} frames are left in the receiver`);
    }
    for (const each of [transmitter, channel, ...workers, receiver]) {
      await each.stop();
    }
    const told = transmitter.lives
      .flatMap(({ messages }) => messages as TransmitterMessage[])
      .flatMap((message) => (message.type === 'outcome' ? [message.outcome.frame] : []));
    if (new Set(told).size !== told.length) {
      violations.push(`${told.length - new Set(told).size} outcomes were told twice`);
    }

    async function inject({ kind, target, holdMs }: Fault): Promise<void> {
      if (kind === 'kill' || kind === 'pause') {
        await victims.get(target)![kind](holdMs);
        return;
      }
      const hop = hops[target as keyof typeof hops];
      hop.fault = kind;
      await sleep(holdMs);
      hop.fault = undefined;
    }
  }

  async function sendCalmly(frames: number): Promise<void> {
    const [receiverPort, channelPort] = (await freePorts(2)) as [number, number];
    const receiver = service('calm-receiver', 'receiver', { ...RECEIVER, port: receiverPort }, false);
    const receiverUrl = `ws://127.0.0.1:${receiverPort}`;
    const channel = service('calm-channel', 'channel', { ...CHANNEL, port: channelPort, receiverUrl }, false);
    const config: TransmitterConfigInput = {
      ...transmitterConfig(dir),
      frames,
      stayUp: true,
      port: 0,
      to: `ws://127.0.0.1:${channelPort}`,
      journal: join(folders.calm, 'journal.jsonl'),
      outputDir: join(folders.calm, 'received'),
    };
    const transmitter = service('calm-transmitter', 'transmitter', config, false);
    for (const each of [receiver, channel, transmitter]) {
      await each.start();
    }
    await waitFor('the calm run', () => transmitter.finished, SETTLE_MS + 1000 * frames);
    for (const each of [transmitter, channel, receiver]) {
      await each.stop();
    }
  }
}
