import { channelModels, channelPresets, impairments, snrSchedules } from '@semcast/channel-models';
import type { ChannelFact, ChannelLiveStatus } from '@semcast/console-messages';
import { createEventLog, LiveFeed, observeSnr, type EventLog, type Logger, type Metrics } from '@semcast/service';
import type { DropReason, LinkEnd, ServerSession } from '@semcast/wire';
import { z } from 'zod';
import type { ChannelState } from './channel-control.js';
import type { HeardFrame } from './impair-frame.js';
import type { AdoptedRecording } from './recording/adopt-recordings.js';
import type { RecordingEnd } from './recording/recording.js';
import { responseOf } from './response.js';

/** Options of each entry of a registry as JSON Schema, for forms. */
function optionsOf(registry: Readonly<Record<string, { readonly optionsSchema: z.ZodObject }>>) {
  return Object.fromEntries(
    Object.entries(registry).map(([name, { optionsSchema }]) => [name, z.toJSONSchema(optionsSchema, { io: 'input' })]),
  );
}

const OFFERS = {
  models: optionsOf(channelModels),
  schedules: optionsOf(snrSchedules),
  impairmentChoices: optionsOf(impairments),
  presets: Object.fromEntries(Object.entries(channelPresets).map(([name, { summary }]) => [name, summary])),
};

/** Of so many frames it is kept what they met: the receiver's view of a frame comes when that is decoded. */
const KEPT_RESPONSES = 32;

/** The one place where the channel tells what happens: to Prometheus, log, live feed and event log. */
export class ChannelLive {
  readonly feed = new LiveFeed<ChannelFact>();
  readonly #events: EventLog;
  readonly #logger: Logger;
  readonly #metrics: Metrics<'channel'>;
  readonly #frames = { forwarded: 0, dropped: 0 };
  #channelUses = 0;
  #receiverProblem: string | null = null;
  #receiverSeen = false;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics<'channel'> }) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#events = createEventLog({ logger, metrics, feed: this.feed });
  }

  /** A frame has crossed the channel. */
  tellForwarded(heard: HeardFrame): void {
    const { head, impaired } = heard;
    const { snrDb, measuredSnrDb } = impaired;
    const { stream, frame, samples } = head;
    this.#frames.forwarded++;
    this.#channelUses += samples.count;
    this.#metrics.frames.inc({ stage: 'channel', outcome: 'forwarded' });
    this.#metrics.channelUses.inc(samples.count);
    observeSnr(this.#metrics.snr, { configured: snrDb, measured: measuredSnrDb });
    this.#logger.debug({ stream, frame, snrDb, channelUses: samples.count }, 'frame forwarded');
    if (this.feed.watched) {
      const replaces = `response ${this.#frames.forwarded % KEPT_RESPONSES}`;
      this.feed.push({ kind: 'response', stream, frame, ...responseOf(heard) }, { replaces });
    }
  }

  /** A frame ended here; `detail` is for people. */
  tellDropped(stream: string, frame: number, reason: DropReason, detail: string): void {
    this.#frames.dropped++;
    this.#metrics.frames.inc({ stage: 'channel', outcome: 'dropped' });
    this.#metrics.droppedFrames.inc({ reason });
    // Losses are what the channel was asked for; anything else is worth a line.
    const [level, logLevel] = reason === 'channel-loss' ? (['info', 'debug'] as const) : (['warn', 'warn'] as const);
    const message = `the channel dropped a frame: ${reason}`;
    this.#events.record({ event: 'frame-dropped', level, message, stream, frame }, { reason, detail }, logLevel);
  }

  /** The channel was changed. */
  tellChange({ model, impairments: chain, snr, snrDb, loss }: ChannelState): void {
    const lossy = loss === 0 ? '' : `, ${loss} of the frames lost`;
    const what = [model.name, ...chain.map(({ name }) => name)].join(' with ');
    const message =
      snr.name === 'constant'
        ? `the channel is ${what} at ${snrDb} dB${lossy}`
        : `the channel is ${what}, its SNR by the schedule ${snr.name}${lossy}`;
    const details = { model, impairments: chain, snr: snr.name, snrDb, loss };
    this.#events.record({ event: 'channel-changed', level: 'info', message }, details);
  }

  /** Whether the receiver can be reached: told when that changes. One that hasn't started yet is no event. */
  tellReceiver(problem: string | undefined): void {
    const wasAway = this.#receiverProblem !== null;
    this.#receiverProblem = problem ?? null;
    if (problem === undefined) {
      if (wasAway && this.#receiverSeen) {
        this.#events.record({
          event: 'receiver-back',
          level: 'info',
          message: 'the channel reaches the receiver again',
        });
      }
      this.#receiverSeen = true;
    } else if (!wasAway && this.#receiverSeen) {
      const message = `the channel can't reach the receiver: ${problem}`;
      this.#events.record({ event: 'receiver-away', level: 'warn', message });
    }
  }

  /** A stream's link is up, or has ended. */
  tellLink({ hello: { stream, agent }, remoteAddress }: ServerSession, end?: LinkEnd): void {
    const [event, does] =
      end === undefined ? (['stream-joined', 'joined'] as const) : (['stream-left', 'left'] as const);
    this.#events.record(
      { event, level: 'info', message: `the stream ${stream} ${does} the channel`, stream },
      end === undefined ? { agent, remoteAddress } : { code: end.code, reason: end.reason, error: end.error?.message },
    );
  }

  /** A recording is written. */
  tellRecorded(stream: string, end: RecordingEnd): void {
    this.#logger.info({ stream, ...end }, 'recording written');
  }

  /** A recording that a killed channel had begun is written. */
  tellAdopted(adopted: AdoptedRecording): void {
    this.#logger.info({ ...adopted }, 'recording of a channel that was killed, finished');
  }

  /** A recording ended early, or frames are missing in it. The link goes on. */
  tellRecordingIncomplete(stream: string, why: string): void {
    const message = `the recording of the stream ${stream} is incomplete: ${why}`;
    this.#events.record({ event: 'recording-incomplete', level: 'warn', message, stream });
  }

  status(state: ChannelState, receiverUrl: string, sessions: number): ChannelLiveStatus {
    const { model, impairments: chain, snr, snrDb, loss, seed, sampleRateHz, noiseReference } = state;
    return {
      model: { ...model },
      impairments: [...chain],
      // The text of a trace may be megabytes, and nobody reads it here.
      snr: snr.name === 'trace' ? { name: snr.name, loop: snr.loop } : { ...snr },
      snrDb,
      loss,
      seed,
      sampleRateHz,
      noiseReference,
      receiverUrl,
      receiverProblem: this.#receiverProblem,
      sessions,
      frames: { ...this.#frames },
      channelUses: this.#channelUses,
      ...OFFERS,
    };
  }
}
