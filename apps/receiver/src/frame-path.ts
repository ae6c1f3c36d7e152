import { clampCsnrDb } from '@semcast/bundle';
import type { RgbImage } from '@semcast/core';
import type { Logger, Metrics } from '@semcast/service';
import type { Delivery } from '@semcast/wire';
import { admitFrame, imageSizeOf } from './admit-frame.js';
import { clientOf } from './client-of.js';
import { decodeFrame, orDrop } from './decode-frame.js';
import type { DecodedPicture, PartialResult } from './decoders/decoder.js';
import { deliverResult, type ResultFacts } from './deliver-result.js';
import { csnrFound, demodulateFrame, type DemodulatedFrame } from './demodulate-frame.js';
import { encodeResult, type EncodedImage } from './encode-result.js';
import { estimatedChannel } from './estimated-channel.js';
import { FramesInProgress, type FramesInProgressOptions } from './frames-in-progress.js';
import type { ReceiverLive } from './live.js';
import { measureResidual } from './measure-residual.js';
import type { EncodeRow } from './networks/network-rows.js';
import { receiveFrame, type ReceivedFrame, type ReceptionRules } from './receive-frame.js';
import { StageClock } from './stage-clock.js';
import type { Supersession } from './supersession.js';
import type { FrameHandle, StepRunner } from './step-runner.js';
import type { OutputFolder } from './write-output.js';
import { WritingTime } from './writing-time.js';

export interface FramePathOptions
  extends ReceptionRules, Pick<FramesInProgressOptions, 'maxQueueBytes' | 'timesDeadlines'> {
  readonly runner: StepRunner;
  /** Whether links had to show a token. */
  readonly hasToken: boolean;
  /** Whether the measurement residual is found, which takes another run of the encoder. */
  readonly residual: boolean;
  /** Whether each result waits for it. */
  readonly residualFirst: boolean;
  readonly output: OutputFolder | undefined;
  readonly metrics: Metrics<'receiver'>;
  readonly live: ReceiverLive;
  readonly logger: Logger;
}

/** The path of frames through the process that decodes them: from the socket, or the queue, and back to it. */
export class FramePath {
  readonly #options: FramePathOptions;
  readonly #progress: FramesInProgress;
  /** Residuals of pictures that have been sent. */
  readonly #measuring = new Set<Promise<void>>();
  readonly #writing = new WritingTime();

  constructor(options: FramePathOptions) {
    this.#options = options;
    this.#progress = new FramesInProgress({
      ...options,
      carry: async (...frame) => {
        await this.#carryFrame(...frame);
      },
    });
  }

  /** Frames in progress. */
  get frames(): number {
    return this.#progress.frames;
  }

  /** Bytes of the payloads of frames in progress. */
  get bytes(): number {
    return this.#progress.bytes;
  }

  /** Take a frame; its outcome goes to the delivery. */
  take(delivery: Delivery): void {
    this.#progress.take(delivery);
  }

  /** Frame `by` of its stream takes the place of one that is in progress. */
  supersede(older: Delivery, by: number): void {
    this.#progress.supersede(older, by);
  }

  /** Whether any run of a frame has begun. */
  hasBegun(delivery: Delivery): boolean {
    return this.#progress.hasBegun(delivery);
  }

  /** End what hasn't begun, and tell nobody: who sent it keeps it, and sends it to another. */
  handBackWaiting(why: string): void {
    this.#progress.handBackWaiting(why);
  }

  /** Resolves when no frame is in progress; residuals that still wait for a worker are given up. */
  async settled(): Promise<void> {
    await this.#progress.settled();
    this.#options.runner.dropSpare();
    await Promise.all(this.#measuring);
  }

  /**
   * The stages of a frame.
   *
   * A frame waits before it is demodulated: its samples are a fraction of its latent, and a frame that is cancelled
   * while it waits has cost nothing. So it is demodulated when the scheduler has its one-shot decode run.
   */
  async #carryFrame(delivery: Delivery, signal: AbortSignal, supersession: Supersession): Promise<void> {
    const { runner, bundle, live } = this.#options;
    const clock = new StageClock(this.#options.metrics, delivery.receivedMs);
    const received = receiveFrame(delivery, delivery.hello.result.format, this.#options);
    live.tellReceived(delivery, () => demodulateFrame(received));
    const client = clientOf(delivery, this.#options);
    let handle: FrameHandle | undefined;
    try {
      const { head, modem, transport } = received;
      // Pilots show the noise as well; a channel that is used tells it.
      const showsNoise = modem.channelState === 'ignored' || (head.impairment?.noiseVariance ?? 0) > 0;
      // The codec that would encode the picture again is not that of a digital frame.
      const residual = this.#options.residual && showsNoise && transport === null;
      const residualFirst = residual && this.#options.residualFirst;
      const deadlineMs = this.#deadlineOf(received, clock);
      const demodulate = once(() => {
        clock.markStart();
        supersession.hold();
        return clock.timeNow('demodulate', () => demodulateFrame(received));
      });
      handle = admitFrame(runner, received, bundle, {
        client,
        weight: delivery.hello.weight,
        deadlineMs,
        residual: residualFirst,
        demodulate,
        signal,
      });
      const oneShot = await orDrop(signal, handle.oneShot);
      clock.markPreview();
      const demodulated = demodulate();
      const partials = this.#partialsOf(delivery, received, demodulated, clock);
      if (received.plan !== null) {
        partials.show({ stage: 'preview', image: oneShot.image, steps: 0 });
        // The preview goes also where nothing comes after it.
        void partials.sent().then(() => supersession.release());
      }
      const start = { demodulated, manifest: bundle.manifest };
      const decoded = await decodeFrame(received, oneShot, start, handle, { signal, onPartial: partials.show });
      clock.markDecoded(decoded.samplingMs);
      const [image, ratio] = await Promise.all([
        this.#encodeImage(decoded, received, clock),
        this.#closeHandle(handle, residualFirst, decoded, demodulated, clock, signal),
        // An intermediate picture must not come after the final one.
        partials.sent(),
      ]);
      await this.#writeOutput(delivery, image, signal);
      signal.throwIfAborted();
      clock.markDeparted();
      const facts = factsOf(received, decoded, demodulated, ratio, clock);
      live.tellCompleted(head, facts, deliverResult(delivery, image, facts));
      // A decoder that finds the channel itself has a residual that the head didn't promise.
      if (!residualFirst && (residual || (this.#options.residual && decoded.channel !== undefined))) {
        const measuring = this.#measureLater(delivery, received, decoded, demodulated).finally(() => {
          this.#measuring.delete(measuring);
        });
        this.#measuring.add(measuring);
      }
    } finally {
      handle?.leave();
    }
  }

  /** When the frame's networks must be done for its picture to be written in time. */
  #deadlineOf({ head }: ReceivedFrame, clock: StageClock): number | undefined {
    const { deadlineMs, width, height } = head;
    return deadlineMs === undefined
      ? undefined
      : clock.receivedMs + deadlineMs - this.#writing.allowanceMs(width * height, deadlineMs);
  }

  async #encodeImage({ image }: DecodedPicture, { format }: ReceivedFrame, clock: StageClock): Promise<EncodedImage> {
    const startMs = performance.now();
    const encoded = await clock.time('encode-image', () => encodeResult(image, format));
    this.#writing.observe(image.width * image.height, performance.now() - startMs);
    return encoded;
  }

  /** The last run of a frame's networks, where there is one, for its residual; then its place is free. */
  async #closeHandle(
    handle: FrameHandle,
    wantsResidual: boolean,
    decoded: DecodedPicture,
    demodulated: DemodulatedFrame,
    clock: StageClock,
    signal: AbortSignal,
  ): Promise<number | null> {
    try {
      if (!wantsResidual) {
        return null;
      }
      const residual = measureResidual(
        decoded,
        demodulated,
        async (...given) => (await handle.encode(this.#encodeRow(demodulated, ...given))).latent,
      );
      return await clock.time('residual', () => orDrop(signal, residual));
    } finally {
      handle.finish();
    }
  }

  /**
   * The residual of a picture that has gone: a diagnosis, for which no frame waits. Metrics and live feed get it,
   * or not measured at all where newer ones took its place. Never rejects.
   */
  async #measureLater(
    delivery: Delivery,
    received: ReceivedFrame,
    decoded: DecodedPicture,
    demodulated: DemodulatedFrame,
  ): Promise<void> {
    const { runner, bundle, live } = this.#options;
    const size = imageSizeOf(received, bundle.manifest);
    const decoder = received.decoder.name;
    try {
      const residual = await measureResidual(decoded, demodulated, async (...given) => {
        const encoded = await runner.encodeInSpareTime(this.#encodeRow(demodulated, ...given), size);
        return encoded?.latent ?? null;
      });
      if (residual !== null) {
        live.tellResidual(delivery, { decoder, steps: decoded.steps, residual });
      }
    } catch (error) {
      this.#log(delivery).warn({ err: error }, 'the residual of a picture could not be measured');
    }
  }

  /** The picture as the transmitter's encoder would have been given it. */
  #encodeRow({ layout: { activeChannels } }: DemodulatedFrame, image: RgbImage, csnrDb: number): EncodeRow {
    const { manifest } = this.#options.bundle;
    return { graph: 'encoder', image, csnrDb: clampCsnrDb(manifest, csnrDb), activeChannels };
  }

  /** Intermediate pictures of one frame: one at a time, and those that come too fast are left out. */
  #partialsOf(
    delivery: Delivery,
    received: ReceivedFrame,
    demodulated: DemodulatedFrame,
    clock: StageClock,
  ): { show: (partial: PartialResult) => void; sent: () => Promise<void> } {
    let sending: Promise<void> | undefined;
    return {
      show: (partial) => {
        sending ??= this.#deliverPartial(delivery, received, demodulated, partial, clock).finally(() => {
          sending = undefined;
        });
      },
      sent: async () => sending,
    };
  }

  /** Never rejects: a preview that can't be made is no reason to lose the picture. */
  async #deliverPartial(
    delivery: Delivery,
    { decoder, format }: ReceivedFrame,
    { csnrDb }: DemodulatedFrame,
    { stage, image, steps }: PartialResult,
    clock: StageClock,
  ): Promise<void> {
    try {
      const encoded = await encodeResult(image, format);
      const timingsMs = clock.timingsMs();
      deliverResult(delivery, encoded, { stage, decoder: decoder.name, steps, csnrDb, residual: null, timingsMs });
    } catch (error) {
      this.#log(delivery).warn({ err: error, stage }, 'a picture on the way could not be sent');
    }
  }

  /** Never rejects: the sender gets its picture even when this machine's disk is full. */
  async #writeOutput({ stream, frame }: Delivery, image: EncodedImage, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.output?.write(stream, frame, image, signal);
    } catch (error) {
      if (!signal.aborted) {
        this.#options.logger.error({ stream, frame, err: error }, 'the picture could not be written to outputDir');
      }
    }
  }

  #log({ stream, frame }: Delivery): Logger {
    return this.#options.logger.child({ stream, frame });
  }
}

function factsOf(
  { decoder }: ReceivedFrame,
  { steps, reducedSteps, evaluations, channel, lost }: DecodedPicture,
  demodulated: DemodulatedFrame,
  residual: number | null,
  clock: StageClock,
): ResultFacts {
  const estimate = estimatedChannel(demodulated, channel);
  return {
    stage: 'final',
    decoder: decoder.name,
    steps,
    ...(estimate === undefined ? {} : { estimate }),
    csnrDb: csnrFound(demodulated, channel),
    residual,
    timingsMs: clock.timingsMs(),
    ...(evaluations === undefined ? {} : { evaluations }),
    ...(reducedSteps === undefined ? {} : { reducedSteps }),
    ...(lost === undefined ? {} : { lost }),
  };
}

/** A function that is run when it is first called, and remembered. */
function once<Result extends object>(run: () => Result): () => Result {
  let result: Result | undefined;
  return () => (result ??= run());
}
