import { FrameOfferError } from './errors.js';

/** Identifies a frame. */
export interface FrameKey {
  readonly stream: string;
  /** Its number within the stream. */
  readonly frame: number;
}

/** The size of the networks' input; only frames of equal `key` share a batch. */
export interface ImageSize {
  /** '256x256' */
  readonly key: string;
  /** Pixels of one image; costs of sizes not seen before are estimated by them from known ones. */
  readonly pixels: number;
}

/** Graphs of evaluations that don't depend on each other: they may share a batch or run side by side. */
export type Evaluations = readonly string[];

/** A frame that asks to be decoded: all that the scheduler ever knows about it. */
export interface FrameOffer extends FrameKey {
  /**
   * The client whose stream it is: clients share the machine equally, and each client's part is shared equally among its
   * streams. Default: a client of its own.
   */
  readonly client?: string | undefined;
  /**
   * The part of its client's share that its stream gets, against those of the client's other streams: 1 by default. A
   * stream that has frames keeps the weight that it came with.
   */
  readonly weight?: number | undefined;
  readonly size: ImageSize;
  /** Evaluations that give the preview, before the first step and ahead of other frames' steps. */
  readonly preview?: Evaluations | undefined;
  /**
   * The successive requests of one step. A guided step: `[['posteriorStep']]`; guidance between a conditional and an
   * unconditional denoiser: `[['denoiser', 'denoiser']]`; Heun: `[['denoiser'], ['denoiser']]`. This is an
   * estimate: each request says what is run. Only the first step must begin with `perStep[0]`, however many steps are
   * granted.
   */
  readonly perStep: readonly Evaluations[];
  /** Evaluations after the last step, before the frame ends. An estimate as well. */
  readonly closing?: Evaluations | undefined;
  /** Steps are granted between these, under load fewer. `min` 0: the preview alone will do. */
  readonly steps: { readonly min: number; readonly max: number };
  /** When its last evaluation must be back, on the clock of `nowMs`. Default: no deadline. */
  readonly deadlineMs?: number | undefined;
}

/** What a frame needs next. */
export type FrameRequest =
  | {
      readonly purpose: 'step';
      /** Steps done before this one; steps with several requests say the same number in each. */
      readonly step: number;
      readonly evaluations: Evaluations;
    }
  | { readonly purpose: 'closing'; readonly evaluations: Evaluations };

/** What an evaluation is for. */
export type Purpose = 'preview' | FrameRequest['purpose'];

/** The most steps, and the most requests of one step. */
export const MAX_STEPS = 100_000;
/** The most evaluations of one request. */
export const MAX_EVALUATIONS = 256;
const MAX_NAME = 128;

function isName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_NAME;
}

/** @throws FrameOfferError */
export function checkEvaluations(what: string, evaluations: Evaluations): void {
  if (evaluations.length < 1 || evaluations.length > MAX_EVALUATIONS || !evaluations.every(isName)) {
    throw new FrameOfferError(`${what} must name 1 to ${MAX_EVALUATIONS} graphs, not ${evaluations.length}`);
  }
}

/** @throws FrameOfferError when it could never be run */
export function checkOffer(offer: FrameOffer): void {
  const { stream, frame, size, preview, perStep, closing, steps, deadlineMs, weight = 1 } = offer;
  const name = `frame ${frame} of "${stream}"`;
  const { min, max } = steps;
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min < 0 || max < min || max > MAX_STEPS) {
    throw new FrameOfferError(`${name} asks for ${min} to ${max} steps, which isn't within 0 to ${MAX_STEPS}`);
  }
  if (!(weight > 0 && weight < Infinity)) {
    throw new FrameOfferError(`${name} has a weight of ${weight}, which isn't above 0`);
  }
  if (!(size.pixels > 0 && size.pixels < Infinity) || !isName(size.key)) {
    throw new FrameOfferError(`${name} has a size of ${size.pixels} pixels called "${size.key}"`);
  }
  if (deadlineMs !== undefined && Number.isNaN(deadlineMs)) {
    throw new FrameOfferError(`the deadline of ${name} is not a number`);
  }
  if (max > 0 ? perStep.length < 1 || perStep.length > MAX_STEPS : preview === undefined && closing === undefined) {
    throw new FrameOfferError(`${name} doesn't say what is to be run`);
  }
  perStep.forEach((evaluations) => {
    checkEvaluations(`a step of ${name}`, evaluations);
  });
  if (preview !== undefined) {
    checkEvaluations(`the preview of ${name}`, preview);
  }
  if (closing !== undefined) {
    checkEvaluations(`the closing of ${name}`, closing);
  }
}
