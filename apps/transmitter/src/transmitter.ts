import { EventEmitter, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { basename } from 'node:path';
import { describeError, formatCbr, parseCbr, SemcastError } from '@semcast/core';
import { observeSnr, type Logger, type Metrics } from '@semcast/service';
import type { DropReason, LinkState, ResultMessage } from '@semcast/wire';
import { abortable } from './abortable.js';
import { FrameEndedError, FrameNumberError, WriteError } from './errors.js';
import type { Album, NamedPhoto } from './album.js';
import type { FrameJob, FrameRequest } from './frame-request.js';
import type { DigitalCompanion } from './digital-companion.js';
import { FrameSet } from './frame-set.js';
import { Gate, type Release } from './gate.js';
import type { Journal } from './journal.js';
import type { TransmitterLive } from './live.js';
import {
  summariseOutcome,
  type CompletedFrame,
  type FrameOutcome,
  type OutcomeSummary,
  type PreviewedFrame,
  type SentFrame,
} from './outcome.js';
import { Pacer } from './pacer.js';
import type { PhotoSource } from './photo-source.js';
import { openPhoto } from './read-photo.js';
import type { PictureStore } from './picture-store.js';
import type { StreamControl } from './stream-control.js';
import { transmitFrame, type FrameTools, type FrameWatcher } from './transmit-frame.js';

export interface TransmitterEvents {
  /** A frame is on its way, for the first time. */
  sent: [sent: SentFrame];
  /** A preview or an intermediate picture came. */
  preview: [preview: PreviewedFrame];
  /** A frame came to its end: exactly once a frame. */
  outcome: [outcome: FrameOutcome];
  /** The link went up or down. */
  state: [state: LinkState];
  /** The last frame of the source has its outcome. */
  finished: [totals: StreamTotals];
}

/** Frames of this process by how they ended. */
export interface StreamTotals {
  readonly completed: number;
  readonly dropped: number;
  readonly droppedByReason: Readonly<Partial<Record<DropReason, number>>>;
}

/** Settings that a picture shows. */
const SHOWN_SETTINGS = ['decoder', 'decoderOptions', 'cbr', 'waveform', 'waveformOptions', 'photo'] as const;

interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly slot?: Release;
  /** The frame is on its way. */
  readonly onSent?: () => void;
}

export interface TransmitterParts extends Omit<FrameTools, 'recording'> {
  readonly stream: string;
  readonly source: PhotoSource;
  readonly album: Album;
  readonly journal: Journal | undefined;
  readonly pictures: PictureStore;
  /** Decoder, rate and pace of the frames to come. */
  readonly control: StreamControl;
  readonly companion: DigitalCompanion;
  readonly live: TransmitterLive;
  readonly metrics: Metrics<'transmitter'>;
  readonly logger: Logger;
}

/** The newest outcomes that the status shows. */
const RECENT_OUTCOMES = 50;
/** How long a closing transmitter waits for pictures that are being measured. */
const RECORDING_GRACE_MS = 3000;
/** Frames at a time that took the place of others. */
const MAX_REFRESHED = 4;
/** Node's timers fire at once beyond this. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Sends photographs over one link: those of its source, one after the other, and those that are submitted. */
export class Transmitter extends EventEmitter<TransmitterEvents> {
  readonly stream: string;
  /** Resolves when the transmitter can't go on: the link was refused, or outcomes can't be written. */
  readonly failed: Promise<SemcastError>;
  /** Resolves when every frame of the source has its outcome; never for an endless source. */
  readonly finished: Promise<StreamTotals>;
  readonly #parts: TransmitterParts;
  readonly #tools: FrameTools;
  readonly #slots: Gate;
  readonly #preparing: Gate;
  /** Every frame number that this process has begun. */
  readonly #used = new FrameSet();
  /** Frames from their submission to their outcome. */
  readonly #journeys = new Map<Promise<unknown>, AbortController>();
  /** Those of them that haven't been admitted yet. */
  readonly #waiting = new Set<AbortController>();
  /** Those of them that haven't been sent yet. */
  readonly #unsent = new Set<AbortController>();
  /** What the source sent last. */
  #newest: NamedPhoto | undefined;
  readonly #refreshed = new Set<Promise<unknown>>();
  /** Whether one of them is still to be sent, and whether another one is wanted then. */
  #refreshing = false;
  #refreshAgain = false;
  readonly #source = new AbortController();
  readonly #recording = new AbortController();
  readonly #recent: OutcomeSummary[] = [];
  readonly #droppedByReason: Partial<Record<DropReason, number>> = {};
  #completed = 0;
  #dropped = 0;
  #streaming: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #failure: SemcastError | undefined;
  #resolveFailed!: (error: SemcastError) => void;
  #resolveFinished!: (totals: StreamTotals) => void;

  constructor(parts: TransmitterParts) {
    super();
    const { config, control, link, pending, live } = parts;
    this.#parts = parts;
    // Each frame that is being recorded listens.
    setMaxListeners(config.maxInFlight, this.#recording.signal);
    this.#tools = { ...parts, recording: this.#recording.signal };
    this.stream = parts.stream;
    this.#slots = new Gate(config.maxInFlight);
    this.#preparing = new Gate(Math.max(config.prepareAhead, config.workers));
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.#resolveFinished = resolve;
    });
    let { settings } = control;
    control.on('change', (changed) => {
      const shown = SHOWN_SETTINGS.some((name) => changed[name] !== settings[name]);
      settings = changed;
      if (shown) {
        this.refresh();
      }
    });
    link.on('result', (message) => {
      this.#observeResult(message);
      pending.deliverResult(message);
    });
    link.on('drop', (head) => {
      pending.deliverDrop(head);
    });
    link.on('state', (state) => {
      live.tellLink(state);
      this.#tell('state', state);
    });
    link.on('error', (error) => {
      this.#fail(error);
    });
  }

  /** Begin to send the photographs of the source. */
  start(): void {
    if (this.#parts.source.files.length > 0) {
      this.#streaming = this.#streamPhotos().catch((error: unknown) => {
        this.#endOf(error);
      });
    }
  }

  /**
   * Send a photograph, when those before it allow, and wait for its outcome. An unreadable photograph, a full queue or a
   * closing transmitter are outcomes, too.
   *
   * @throws FrameNumberError (E_FRAME_NUMBER) when the wanted number is invalid or used; ArgumentError when the rate
   *   is none. Every other failure is an outcome.
   */
  async submit(request: FrameRequest): Promise<FrameOutcome> {
    const job = this.#jobOf(request);
    this.#used.add(job.frame);
    if (this.#slots.used >= this.#slots.capacity && this.#slots.waiting >= this.#parts.config.maxQueue) {
      const message = `${this.#slots.waiting} frames already wait to be sent`;
      const remedy = 'await outcomes before submitting more, or raise maxQueue';
      return this.#conclude(job, new FrameEndedError('queue-full', `${message} — ${remedy}`));
    }
    return this.#run(job, { signal: request.signal });
  }

  /**
   * Something was changed that a picture shows, here or in the channel. With `latest` the photograph that was sent last
   * is sent once more, and the frames under way end as `superseded`: here if they haven't been sent, else at the
   * receiver, which still gives the preview of one that it has begun.
   */
  refresh(): void {
    const { settings } = this.#parts.control;
    const again = this.#parts.album.find(settings.photo ?? '') ?? this.#newest;
    if (!settings.latest || again === undefined || this.#source.signal.aborted || Number.isFinite(this.sourceFrames)) {
      return;
    }
    if (this.#refreshing || this.#refreshed.size >= MAX_REFRESHED) {
      this.#refreshAgain = true;
      return;
    }
    for (const controller of this.#unsent) {
      controller.abort(new FrameEndedError('superseded', 'a newer frame of the stream took its place'));
    }
    const job = this.#jobOf({ ...again, supersedes: true });
    this.#used.add(job.frame);
    this.#refreshing = true;
    this.#newest = again;
    const run = this.#run(job, { slot: () => undefined, onSent: () => this.#refreshSent() }).finally(() => {
      this.#refreshed.delete(run);
      this.#refreshSent();
    });
    this.#refreshed.add(run);
  }

  /**
   * Take in a photograph, and send it from now on. Its head is checked here; what is wrong with its pixels shows when it
   * is sent, as with any other.
   *
   * @returns its name among the photographs
   * @throws PhotoUnreadableError, PhotoTooLargeError
   */
  async takePhoto(given: string, bytes: Uint8Array): Promise<string> {
    const { album, config, control } = this.#parts;
    const { size, maxImagePixels, maxDecodeBytes, maxFileBytes, imageTimeoutMs: timeoutMs } = config;
    await openPhoto(bytes, { size, maxImagePixels, maxDecodeBytes, maxFileBytes, timeoutMs });
    const photo = album.take(given, bytes);
    if (control.settings.photo !== photo) {
      control.update({ photo });
    }
    return photo;
  }

  /** A frame that took the place of others is on its way, or has ended. */
  #refreshSent(): void {
    this.#refreshing = false;
    if (this.#refreshAgain) {
      this.#refreshAgain = false;
      this.refresh();
    }
  }

  /** Frames by how they ended. */
  get totals(): StreamTotals {
    return { completed: this.#completed, dropped: this.#dropped, droppedByReason: { ...this.#droppedByReason } };
  }

  /** Frames from their admission to their outcome. */
  get inFlight(): number {
    return this.#slots.used;
  }

  /** Frames that wait to be admitted. */
  get queued(): number {
    return this.#slots.waiting;
  }

  /** The newest outcomes, oldest first. */
  get recent(): readonly OutcomeSummary[] {
    return this.#recent;
  }

  get failure(): SemcastError | undefined {
    return this.#failure;
  }

  /** Photographs of the source in all: those before a restart counted; Infinity for a source that loops. */
  get sourceFrames(): number {
    const { config, source } = this.#parts;
    const all = config.loop ? Number.POSITIVE_INFINITY : source.files.length;
    return source.files.length === 0 ? 0 : Math.min(all, config.frames > 0 ? config.frames : all);
  }

  /**
   * Take no more frames, give those under way `drainMs` to come back while there is a link, end the rest as
   * `cancelled` (with a journal: to be sent again after a restart), and end the link and the threads that measure.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { config, link, journal, quality, metricPool, companion } = this.#parts;
    const cancelled = (): FrameEndedError =>
      new FrameEndedError(
        'cancelled',
        journal === undefined
          ? 'the transmitter was closed'
          : 'the transmitter was closed; the frame is sent again after a restart with the same journal',
        { isFinal: false },
      );
    this.#source.abort(cancelled());
    for (const controller of this.#waiting) {
      controller.abort(cancelled());
    }
    await this.#streaming;
    await this.#drain(config.drainMs);
    // The receiver must not forget frames that will be sent again after a restart.
    const endStream = journal === undefined || this.#journeys.size === 0;
    const companionClosed = companion.close();
    this.#abortAll(cancelled());
    // In the same turn of the loop, so that no outcome comes in between unnoticed.
    const linkClosed = link.close({ endStream });
    // Pictures that have come back are still measured and recorded, if that doesn't take long.
    const ended = Promise.all(this.#journeys.keys());
    const patience = new AbortController();
    await Promise.race([ended, delay(RECORDING_GRACE_MS, patience.signal).catch(() => undefined)]);
    patience.abort();
    this.#recording.abort(cancelled());
    await Promise.all([companionClosed, quality.close(), metricPool?.close()]);
    await Promise.all([ended, linkClosed]);
  }

  /** Wait for the frames under way while they can still come back. */
  async #drain(milliseconds: number): Promise<void> {
    const { link } = this.#parts;
    const patience = new AbortController();
    const unlisten = link.on('state', ({ name }) => {
      if (name !== 'open') {
        patience.abort();
      }
    });
    if (link.state.name === 'open') {
      const expired = delay(milliseconds, patience.signal).catch(() => undefined);
      await Promise.race([Promise.all(this.#journeys.keys()), expired]);
    }
    patience.abort();
    unlisten();
  }

  #abortAll(reason: FrameEndedError): void {
    for (const controller of this.#journeys.values()) {
      controller.abort(reason);
    }
  }

  #fail(error: SemcastError): void {
    if (this.#failure !== undefined) {
      return;
    }
    this.#failure = error;
    this.#parts.logger.fatal({ err: error, code: error.code }, describeError(error));
    const reason = new FrameEndedError('gave-up', describeError(error), { isFinal: false, cause: error });
    this.#source.abort(reason);
    this.#abortAll(reason);
    this.#resolveFailed(error);
  }

  /** Frame n of the stream is photograph n modulo their number, now and after every restart. */
  async #streamPhotos(): Promise<void> {
    const { source, control } = this.#parts;
    const pacer = new Pacer(control);
    const running = new Set<Promise<unknown>>();
    let next = this.#nextFree(0);
    try {
      // Looked at before the pace, which a last frame has no successor to keep for.
      while (next < this.sourceFrames) {
        await pacer.untilDue(this.#source.signal);
        // What was changed is shown first.
        await abortable(Promise.all(this.#refreshed), this.#source.signal);
        const slot = await this.#slots.enter(1, this.#source.signal);
        if (control.settings.paused) {
          // While it waited for its place.
          slot();
          continue;
        }
        // Passes over what was finished before a restart, and what was submitted under a number of its own.
        next = this.#nextFree(next);
        if (next >= this.sourceFrames) {
          slot();
          break;
        }
        const named = this.#parts.album.find(control.settings.photo ?? '') ?? nameOf(source.files, next);
        this.#newest = named;
        const job = this.#jobOf({ ...named, frame: next });
        this.#used.add(next);
        const run: Promise<unknown> = this.#run(job, { slot }).finally(() => running.delete(run));
        running.add(run);
        pacer.mark();
        next = this.#nextFree(next);
      }
      await abortable(Promise.all(running), this.#source.signal);
    } catch (error) {
      if (this.#source.signal.aborted) {
        return;
      }
      throw error;
    }
    const { totals } = this;
    this.#tell('finished', totals);
    this.#resolveFinished(totals);
  }

  async #run(job: FrameJob, options: RunOptions): Promise<FrameOutcome> {
    const controller = new AbortController();
    const journey = this.#transmit(job, controller, options);
    this.#journeys.set(journey, controller);
    return journey.finally(() => this.#journeys.delete(journey));
  }

  async #transmit(
    job: FrameJob,
    controller: AbortController,
    { slot: admitted, signal: outer, onSent }: RunOptions,
  ): Promise<FrameOutcome> {
    const { signal } = controller;
    const onOuterAbort = (): void => {
      controller.abort(new FrameEndedError('cancelled', 'the frame was cancelled by who submitted it'));
    };
    outer?.addEventListener('abort', onOuterAbort, { once: true });
    if (outer?.aborted) {
      onOuterAbort();
    }
    // Closing or failed: the end of the source is the end of everything that comes after it.
    if (this.#source.signal.aborted) {
      controller.abort(this.#source.signal.reason);
    }
    let slot = admitted;
    let preparing: Release | undefined;
    let giveUp: NodeJS.Timeout | undefined;
    let end: CompletedFrame | FrameEndedError;
    this.#waiting.add(controller);
    this.#unsent.add(controller);
    const release = (): void => {
      preparing?.();
      this.#unsent.delete(controller);
      onSent?.();
    };
    try {
      slot ??= await this.#slots.enter(1, signal);
      this.#waiting.delete(controller);
      giveUp = giveUpAfter(this.#parts.config.giveUpMs, controller);
      preparing = await this.#preparing.enter(1, signal);
      end = await transmitFrame(job, this.#tools, this.#watcher(job, release), signal);
    } catch (error) {
      end = this.#endOf(error);
    }
    this.#waiting.delete(controller);
    this.#unsent.delete(controller);
    clearTimeout(giveUp);
    preparing?.();
    outer?.removeEventListener('abort', onOuterAbort);
    // The slot is released last: an outcome that waits to be written counts as under way.
    return this.#conclude(job, end).finally(slot);
  }

  /** Write down a frame's outcome, then tell everybody: once, whatever happens. */
  async #conclude(job: FrameJob, result: CompletedFrame | FrameEndedError): Promise<FrameOutcome> {
    const { journal, link, pictures, live } = this.#parts;
    let end = result;
    if (!(end instanceof FrameEndedError) || end.isFinal) {
      try {
        await journal?.record({ ...summariseOutcome(outcomeOf(job, end)), at: new Date().toISOString() });
        link.resolved(job.stream, job.frame);
      } catch (error) {
        end = this.#endOf(error);
      }
    }
    const outcome = outcomeOf(job, end);
    const summary = summariseOutcome(outcome);
    this.#recent.push(summary);
    if (this.#recent.length > RECENT_OUTCOMES) {
      this.#recent.shift();
    }
    if (outcome.kind === 'completed') {
      this.#completed++;
    } else {
      this.#dropped++;
      this.#droppedByReason[outcome.reason] = (this.#droppedByReason[outcome.reason] ?? 0) + 1;
    }
    // Before listeners are called, because they may ask for its pictures.
    pictures.end(outcome);
    live.tellOutcome(outcome, !(end instanceof FrameEndedError && end.byPeer));
    this.#tell('outcome', outcome);
    return outcome;
  }

  /** How an error from outside the stages ends a frame; one of writing ends the transmitter. */
  #endOf(error: unknown): FrameEndedError {
    if (error instanceof FrameEndedError) {
      return error;
    }
    this.#fail(
      error instanceof SemcastError
        ? error
        : new WriteError(describeError(error), {
            remedy: 'look into the log; with a journal, a restart goes on where this ended',
            cause: error,
          }),
    );
    return new FrameEndedError('gave-up', describeError(error), { isFinal: false, cause: error });
  }

  #jobOf(request: FrameRequest): FrameJob {
    const { config, control } = this.#parts;
    const { cbr, decoder, decoderOptions, waveform, waveformOptions, csi } = control.settings;
    const frame = request.frame ?? this.#nextFree(Math.max(this.#used.last, this.#parts.journal?.last ?? -1) + 1);
    if (!Number.isSafeInteger(frame) || frame < 0) {
      throw new FrameNumberError(`${frame} is no frame number`, { remedy: 'number frames 0, 1, 2, …' });
    }
    if (this.#used.has(frame) || this.#parts.journal?.has(frame) === true) {
      throw new FrameNumberError(`frame ${frame} of stream ${this.stream} has been sent already`, {
        remedy: 'use every number once, or leave it out to get the next one',
      });
    }
    return {
      stream: this.stream,
      frame,
      photo: request.photo,
      name: request.name ?? (typeof request.photo === 'string' ? basename(request.photo) : `frame-${frame}`),
      cbr: request.cbr === undefined ? cbr : formatCbr(parseCbr(request.cbr)),
      designCsnrDb: request.designCsnrDb ?? config.designCsnrDb,
      decoder,
      decoderOptions,
      waveform,
      waveformOptions,
      csi,
      supersedes: request.supersedes ?? false,
    };
  }

  /** The first number from `from` on that neither this process nor one before it has used up. */
  #nextFree(from: number): number {
    const { journal } = this.#parts;
    for (let frame = from; ;) {
      const free = this.#used.firstMissing(journal?.firstMissing(frame) ?? frame);
      if (journal === undefined || !journal.has(free)) {
        return free;
      }
      frame = free;
    }
  }

  #watcher(job: FrameJob, onSent: () => void): FrameWatcher {
    const { metrics, pictures, live, companion } = this.#parts;
    return {
      onStage: (stage, milliseconds) => {
        metrics.frameLatency.observe({ stage }, milliseconds / 1000);
      },
      onSent: (sent, original) => {
        onSent();
        pictures.begin(sent, original);
        metrics.channelBandwidthRatio.set(sent.channelBandwidthRatio);
        this.#tell('sent', sent);
        companion.follow(job);
      },
      onPreview: (preview) => {
        pictures.addPreview(preview);
        live.tellPreview(preview);
        this.#tell('preview', preview);
      },
    };
  }

  #observeResult({ head }: ResultMessage): void {
    observeSnr(this.#parts.metrics.snr, head.csnrDb);
  }

  /** A listener that throws is its own fault; frames go on. */
  #tell<Name extends keyof TransmitterEvents>(event: Name, ...args: TransmitterEvents[Name]): void {
    try {
      (this.emit as (name: Name, ...rest: TransmitterEvents[Name]) => boolean).call(this, event, ...args);
    } catch (error) {
      this.#parts.logger.error({ err: error, event }, 'a listener of the transmitter threw');
    }
  }
}

/** The photograph of a frame of the source. */
function nameOf(files: readonly string[], frame: number): NamedPhoto {
  const photo = files[frame % files.length]!;
  return { name: basename(photo), photo };
}

function outcomeOf({ stream, frame, name }: FrameJob, end: CompletedFrame | FrameEndedError): FrameOutcome {
  return end instanceof FrameEndedError
    ? { kind: 'dropped', stream, frame, name, reason: end.reason, detail: end.message }
    : end;
}

/** Undefined for never. */
function giveUpAfter(milliseconds: number, controller: AbortController): NodeJS.Timeout | undefined {
  if (!(milliseconds > 0)) {
    return undefined;
  }
  return setTimeout(
    () => {
      const message = `no outcome came within ${milliseconds} ms`;
      controller.abort(new FrameEndedError('gave-up', `${message} — check channel and receiver, or raise giveUpMs`));
    },
    Math.min(milliseconds, MAX_TIMER_MS),
  );
}

async function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds > 0) {
    await sleep(milliseconds, undefined, { signal });
  }
  signal.throwIfAborted();
}
