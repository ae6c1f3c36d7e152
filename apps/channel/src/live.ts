import { channelModels, snrSchedules } from '@semcast/channel-models';
import type { ChannelFact, ChannelLiveStatus } from '@semcast/console-messages';
import { createEventLog, LiveFeed, type EventLog, type Logger, type Metrics } from '@semcast/service';
import type { DropReason } from '@semcast/wire';
import { z } from 'zod';
import type { ChannelState } from './channel-control.js';

/** Options of each entry of a registry as JSON Schema, for forms. */
function optionsOf(registry: Readonly<Record<string, { readonly optionsSchema: z.ZodObject }>>) {
  return Object.fromEntries(
    Object.entries(registry).map(([name, { optionsSchema }]) => [name, z.toJSONSchema(optionsSchema, { io: 'input' })]),
  );
}

const OFFERS = { models: optionsOf(channelModels), schedules: optionsOf(snrSchedules) };

/** What the channel tells whoever watches it, and its notable moments. */
export class ChannelLive {
  readonly feed = new LiveFeed<ChannelFact>();
  readonly #events: EventLog;
  readonly #frames = { forwarded: 0, dropped: 0 };
  #channelUses = 0;
  #receiverProblem: string | null = null;
  #receiverSeen = false;

  constructor(parts: { readonly logger: Logger; readonly metrics: Metrics<'channel'> }) {
    this.#events = createEventLog({
      logger: parts.logger,
      counter: parts.metrics.events,
      onEvent: (event) => {
        this.feed.push({ kind: 'event', ...event });
      },
    });
  }

  noteForwarded(channelUses: number): void {
    this.#frames.forwarded++;
    this.#channelUses += channelUses;
  }

  /** Its log line is written where it is dropped. */
  noteDropped(reason: DropReason, stream: string, frame: number): void {
    this.#frames.dropped++;
    const words = `the channel dropped a frame: ${reason}`;
    const level = reason === 'channel-loss' ? 'info' : 'warn';
    this.#events.note({ event: 'frame-dropped', level, words, stream, frame });
  }

  /** The channel was changed. */
  noteChange({ model, snr, snrDb, loss }: ChannelState): void {
    const lossy = loss === 0 ? '' : `, ${loss} of the frames lost`;
    const words =
      snr.name === 'constant'
        ? `the channel is ${model.name} at ${snrDb} dB${lossy}`
        : `the channel is ${model.name}, its SNR by the schedule ${snr.name}${lossy}`;
    this.#events.record({ event: 'channel-changed', level: 'info', words }, { model, snr: snr.name, snrDb, loss });
  }

  /** Whether the receiver can be reached: told when that changes. One that hasn't started yet is no event. */
  noteReceiver(problem: string | undefined): void {
    const wasAway = this.#receiverProblem !== null;
    this.#receiverProblem = problem ?? null;
    if (problem === undefined) {
      if (wasAway && this.#receiverSeen) {
        this.#events.record({ event: 'receiver-back', level: 'info', words: 'the channel reaches the receiver again' });
      }
      this.#receiverSeen = true;
    } else if (!wasAway && this.#receiverSeen) {
      const words = `the channel can't reach the receiver: ${problem}`;
      this.#events.record({ event: 'receiver-away', level: 'warn', words });
    }
  }

  /** Its log line is written by the relay. */
  noteStream(stream: string, joined: boolean): void {
    const words = `the stream ${stream} ${joined ? 'joined' : 'left'} the channel`;
    this.#events.note({ event: joined ? 'stream-joined' : 'stream-left', level: 'info', words, stream });
  }

  status(state: ChannelState, receiverUrl: string, sessions: number): ChannelLiveStatus {
    const { model, snr, snrDb, loss, seed, noiseReference } = state;
    return {
      model: { ...model },
      // The text of a trace may be megabytes, and nobody reads it here.
      snr: snr.name === 'trace' ? { name: snr.name, loop: snr.loop } : { ...snr },
      snrDb,
      loss,
      seed,
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
