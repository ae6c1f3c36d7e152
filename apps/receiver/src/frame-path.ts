import type { Codec } from '@semcast/bundle';
import type { Logger, Metrics } from '@semcast/service';
import type { Delivery, DropReason } from '@semcast/wire';
import { startDeadline } from './deadline.js';
import { asDrop, decodeFrame, orDrop } from './decode-frame.js';
import type { PartialResult } from './decoders/decoder.js';
import { deliverResult, type ResultFacts } from './deliver-result.js';
import { demodulateFrame, type Observation } from './demodulate-frame.js';
import { encodeResult } from './encode-result.js';
import { enqueueFrame, type DecodeQueue } from './enqueue-frame.js';
import { FrameDropError } from './errors.js';
import type { ReceiverLive } from './live.js';
import { measureResidual } from './measure-residual.js';
import { receiveFrame, type ReceivedFrame, type ReceptionRules } from './receive-frame.js';
import { StageClock } from './stage-clock.js';
import type { OutputFolder } from './write-output.js';

export interface FramePathOptions extends ReceptionRules {
  readonly codec: Codec;
  readonly queue: DecodeQueue;
  /** Bytes of payloads in progress beyond which more frames are refused. */
  readonly maxQueueBytes: number;
  /** Whether results carry the measurement residual, which takes another run of the encoder. */
  readonly residual: boolean;
  readonly output: OutputFolder | undefined;
  readonly metrics: Metrics<'receiver'>;
  readonly live: ReceiverLive;
  readonly logger: Logger;
}

/** The way of frames through this process, from the socket and back to it. */
export class FramePath {
  readonly #options: FramePathOptions;
  readonly #inProgress = new Set<Promise<void>>();
  #bytes = 0;

  constructor(options: FramePathOptions) {
    this.#options = options;
  }

  /** Frames in progress. */
  get frames(): number {
    return this.#inProgress.size;
  }

  /** Bytes of the payloads of frames in progress. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Take a frame; its outcome goes to the delivery. */
  take(delivery: Delivery): void {
    const work = this.#carryToItsEnd(delivery).finally(() => {
      this.#inProgress.delete(work);
    });
    this.#inProgress.add(work);
  }

  /** Resolves when no frame is in progress. */
  async settled(): Promise<void> {
    await Promise.all(this.#inProgress);
  }

  /** One frame: exactly one outcome, whatever happens. */
  async #carryToItsEnd(delivery: Delivery): Promise<void> {
    const deadline = startDeadline(delivery);
    const bytes = delivery.payload.byteLength;
    this.#bytes += bytes;
    try {
      await this.#carryFrame(delivery, deadline.signal);
    } catch (error) {
      this.#dropFrame(delivery, asDrop(error));
    } finally {
      deadline.stop();
      this.#bytes -= bytes;
    }
  }

  /**
   * The stages of a frame.
   *
   * A frame waits as it came, not demodulated: its samples are a fraction of its latent, and a frame that is cancelled
   * while it waits has cost nothing.
   */
  async #carryFrame(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { queue, codec, residual: wantsResidual } = this.#options;
    const clock = new StageClock(this.#options.metrics);
    this.#checkRoom();
    const received = receiveFrame(delivery, delivery.hello.result.format, this.#options);
    const turn = await clock.time('queue', () => enqueueFrame(queue, delivery.stream, signal));
    try {
      const observation = await clock.time('demodulate', () => demodulateFrame(received));
      const previews: Promise<void>[] = [];
      const onPartial = (partial: PartialResult): void => {
        clock.markPreview();
        previews.push(this.#deliverPartial(delivery, received, observation, partial, clock));
      };
      const decoded = await clock.time('decode', () =>
        decodeFrame(received, observation, { codec }, { signal, onPartial }),
      );
      const [image, residual] = await Promise.all([
        clock.time('encode-image', () => encodeResult(decoded.image, received.format)),
        wantsResidual
          ? clock.time('residual', () =>
              orDrop(signal, () => measureResidual(decoded.image, observation, codec, signal)),
            )
          : null,
        // A picture on the way must not come after the final one.
        ...previews,
      ]);
      signal.throwIfAborted();
      await this.#writeOutput(delivery, image);
      const { steps, reducedSteps } = decoded;
      const facts: ResultFacts = {
        stage: 'final',
        decoder: received.decoder.name,
        steps,
        csnrDb: observation.csnrDb,
        residual,
        timingsMs: clock.timingsMs(),
        ...(reducedSteps === undefined ? {} : { reducedSteps }),
      };
      this.#recordResult(delivery, facts, deliverResult(delivery, image, facts));
      this.#options.live.noteDecoded(delivery, observation, facts, queue.waiting);
    } finally {
      turn.end();
    }
  }

  #checkRoom(): void {
    const { maxQueueBytes } = this.#options;
    if (this.#bytes > maxQueueBytes) {
      throw new FrameDropError(
        'queue-full',
        `with this frame the receiver would hold ${this.#bytes} bytes of samples; it takes ${maxQueueBytes} ` +
          '(maxQueueBytes); send fewer frames at a time, or smaller ones',
      );
    }
  }

  /** Never rejects: a preview that can't be made is no reason to lose the picture. */
  async #deliverPartial(
    delivery: Delivery,
    { decoder, format }: ReceivedFrame,
    { csnrDb }: Observation,
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
  async #writeOutput({ stream, frame }: Delivery, image: Parameters<OutputFolder['write']>[2]): Promise<void> {
    try {
      await this.#options.output?.write(stream, frame, image);
    } catch (error) {
      this.#options.logger.error({ stream, frame, err: error }, 'the picture could not be written to outputDir');
    }
  }

  #recordResult(delivery: Delivery, facts: ResultFacts, delivered: boolean): void {
    const { metrics } = this.#options;
    const { decoder, csnrDb, residual, steps, timingsMs } = facts;
    metrics.frames.inc({ stage: 'receiver', outcome: 'completed' });
    metrics.samplerSteps.inc({ decoder }, steps);
    if (residual !== null) {
      metrics.measurementResidual.observe({ decoder }, residual);
    }
    for (const kind of ['configured', 'measured', 'estimated'] as const) {
      const value = csnrDb[kind];
      if (value !== undefined) {
        metrics.snr.set({ kind }, value);
      }
    }
    this.#log(delivery).debug({ decoder, csnrDb, residual, steps, timingsMs, delivered }, 'frame decoded');
  }

  #dropFrame(delivery: Delivery, error: FrameDropError): void {
    const { reason, message } = error;
    const { metrics, live } = this.#options;
    metrics.frames.inc({ stage: 'receiver', outcome: 'dropped' });
    metrics.droppedFrames.inc({ reason });
    live.noteDropped(reason, delivery);
    const failed = reason === 'decode-failed' || reason === 'encode-failed';
    this.#log(delivery)[levelOf(reason)](
      { event: 'frame-dropped', reason, detail: message, ...(failed ? { err: error.cause } : {}) },
      'frame dropped',
    );
    delivery.drop(reason, message);
  }

  #log({ stream, frame }: Delivery): Logger {
    return this.#options.logger.child({ stream, frame });
  }
}

/** Faults of this side are errors, faults of the sender warnings; the rest is traffic. */
function levelOf(reason: DropReason): 'error' | 'warn' | 'info' {
  switch (reason) {
    case 'decode-failed':
    case 'encode-failed':
      return 'error';
    case 'deadline':
    case 'cancelled':
      return 'info';
    default:
      return 'warn';
  }
}
