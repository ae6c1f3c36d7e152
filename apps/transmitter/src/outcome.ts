import type { RgbImage } from '@semcast/core';
import type { DecoderOptions, WaveformOptions } from './frame-request.js';
import type { QualityReport } from '@semcast/quality';
import type { DropReason, LostReason, ResultFormat, ResultHead, ResultStage } from '@semcast/wire';

/** Time of each part of a frame's journey, on this machine's monotonic clock. */
export interface FrameTimings {
  /** Reading, rotating and resizing the photograph. */
  readonly read: number;
  /** The encoder, waiting for its thread included. */
  readonly encode: number;
  /** Symbols to samples. */
  readonly modulate: number;
  /** Waiting for a credit. */
  readonly credit: number;
  /** From sending to the final result: channel, receiver, and both ways. */
  readonly air: number;
}

/** A frame on its way. */
export interface SentFrame {
  readonly stream: string;
  readonly frame: number;
  /** File name of the photograph, or what the caller named it. */
  readonly name: string;
  /** The photograph's file, where it is one. */
  readonly path?: string;
  readonly width: number;
  readonly height: number;
  /** Complex channel uses of the payload. */
  readonly channelUses: number;
  /** The rate that was asked for. */
  readonly cbr: string;
  /** channelUses / (3·width·height): above `cbr` for pictures that had to be padded. */
  readonly channelBandwidthRatio: number;
  /** Samples sent / (3·width·height): pilots, prefixes and empty carriers of the waveform counted in. */
  readonly cbrWithOverhead: number;
  readonly decoder: string;
  readonly decoderOptions?: DecoderOptions;
  readonly waveform: string;
  readonly waveformOptions?: WaveformOptions;
  /** It took the place of frames before it. */
  readonly supersedes: boolean;
  /** The channel SNR that the encoder prepared for. */
  readonly designCsnrDb: number;
}

/** A picture of a frame that isn't final: the preview, or an intermediate step of a sampler. */
export interface PreviewedFrame {
  readonly stream: string;
  readonly frame: number;
  readonly name: string;
  readonly stage: ResultStage;
  readonly decoder: string;
  readonly supersedes: boolean;
  readonly format: ResultFormat;
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
  /** Sampler steps spent so far. */
  readonly steps: number;
  readonly csnrDb: CsnrFigures;
  readonly residual: number | null;
  /** From reading the photograph, on this machine's clock. */
  readonly endToEndMs: number;
}

/** The same without its pixels: for logs, HTTP and other processes. */
export type PreviewSummary = Omit<PreviewedFrame, 'bytes'> & {
  /** Of the picture as it crossed the feedback link. */
  readonly imageBytes: number;
};

export function summarisePreview({ bytes, ...preview }: PreviewedFrame): PreviewSummary {
  return { ...preview, imageBytes: bytes.length };
}

/** Channel SNR of a frame, in dB per complex symbol, as channel and receiver report it. */
export interface CsnrFigures {
  readonly configured?: number | undefined;
  readonly measured?: number | undefined;
  readonly effective?: number | undefined;
  readonly estimated: number | null;
}

/**
 * The outcome of a frame that came back as a picture; everything here is JSON. The figures of
 * packages/quality are fields of it, each null for a picture too small for it.
 */
export interface CompletedSummary extends SentFrame, QualityReport {
  readonly kind: 'completed';
  /** Sampler steps spent; 0 for a decoder of one pass. */
  readonly steps: number;
  /** Runs of networks that the sampler spent; null for a decoder of one pass. */
  readonly evaluations: number | null;
  /** The receiver was busy and spent fewer steps than usual. */
  readonly reducedSteps: boolean;
  /** Why the picture is a grey one that stands for what didn't come through its channel code; absent where it did. */
  readonly lost?: LostReason;
  /** PSNR of the preview, dB, against the same original; null when none came. */
  readonly previewPsnrDb: number | null;
  /** Distances of the metric bundles, by their folder's name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** mean|y - h·E(x̂)|² / noise variance, from the receiver. */
  readonly residual: number | null;
  /** The channel as the receiver estimated it, where it did: gains of some carriers, I and Q in turn. */
  readonly estimate?: NonNullable<ResultHead['estimate']>;
  readonly csnrDb: CsnrFigures;
  /** The receiver's time to the preview. */
  readonly previewMs: number;
  /** The receiver's decoding time. */
  readonly decodeMs: number;
  /** The part of it from the first sampler step to the last; null for a decoder of one pass. */
  readonly samplingMs: number | null;
  /** From reading the photograph to its final picture, there and back, on this machine's clock. */
  readonly endToEndMs: number;
  /** The same to the first picture that was not final; null when none came. */
  readonly previewLatencyMs: number | null;
  readonly timingsMs: FrameTimings;
  /** Bytes of the picture that came back, as it crossed the feedback link. */
  readonly imageBytes: number;
  readonly imageFormat: ResultFormat;
  /** Where the received picture was written, when there is an output folder. */
  readonly outputPath?: string;
  /** Where its preview was written, when there is one and previews are kept. */
  readonly previewPath?: string;
}

/** The outcome of a frame that ended without a picture. */
export interface DroppedSummary {
  readonly kind: 'dropped';
  readonly stream: string;
  readonly frame: number;
  readonly name: string;
  readonly reason: DropReason;
  /** What was wrong, and what to do about it. */
  readonly detail: string;
}

export type OutcomeSummary = CompletedSummary | DroppedSummary;

export interface CompletedFrame extends CompletedSummary {
  /** What was sent, after rotation, resizing and cropping. */
  readonly original: RgbImage;
  /** What came back. */
  readonly decoded: RgbImage;
  /** The picture as it came back: a PNG or WebP file's bytes, or raw pixels (`imageFormat`). */
  readonly received: Uint8Array;
}

export type DroppedFrame = DroppedSummary;

/** The one end that every submitted frame comes to. */
export type FrameOutcome = CompletedFrame | DroppedFrame;

/** An outcome without its pictures: for journals, logs, HTTP and other processes. */
export function summariseOutcome(outcome: FrameOutcome): OutcomeSummary {
  if (outcome.kind === 'dropped') {
    return outcome;
  }
  const { original: _original, decoded: _decoded, received: _received, ...summary } = outcome;
  return summary;
}
