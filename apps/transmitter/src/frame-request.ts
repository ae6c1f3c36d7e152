import type { CsiMode } from '@semcast/wire';
import type { PhotoInput } from './read-photo.js';

/** Options of a decoder, as they travel in a frame's head. */
export type DecoderOptions = Readonly<Record<string, number | string | boolean>>;

/** Options of a waveform, as they travel in a frame's head. */
export type WaveformOptions = DecoderOptions;

/** A photograph to send. Everything else is as configured, or as `PUT /stream` has set it. */
export interface FrameRequest {
  /** Bytes must not change until the outcome is there. */
  readonly photo: PhotoInput;
  /** Its name in outcomes, logs and written pictures. Default: the file's name, or `frame-N`. */
  readonly name?: string;
  /** Default: the next number of the stream. Noise and fading are drawn by (seed, stream, frame). */
  readonly frame?: number;
  readonly cbr?: string;
  readonly designCsnrDb?: number;
  /** Ends the frame as `cancelled`. */
  readonly signal?: AbortSignal;
  /** Frames sent before it are wanted no more. Default: false. */
  readonly supersedes?: boolean;
}

/** A request with everything filled in. */
export interface FrameJob {
  readonly stream: string;
  readonly frame: number;
  readonly photo: PhotoInput;
  readonly name: string;
  readonly cbr: string;
  readonly designCsnrDb: number | 'feedback';
  readonly decoder: string;
  readonly decoderOptions: DecoderOptions | undefined;
  readonly waveform: string;
  readonly waveformOptions: WaveformOptions | undefined;
  readonly csi: CsiMode;
  readonly supersedes: boolean;
}
