import { EventEmitter } from 'node:events';
import { formatCbr, parseCbr, SemcastError } from '@semcast/core';
import { z } from 'zod';
import type { TransmitterConfig } from './config.js';
import { StreamUpdateError } from './errors.js';
import type { DecoderOptions } from './frame-request.js';

/** Settings that may be changed while frames flow; a change takes effect with the next frame. */
export interface StreamSettings {
  readonly decoder: string;
  readonly decoderOptions: DecoderOptions | undefined;
  /** One of the rates of the bundle. */
  readonly cbr: string;
  /** Frames of the source per second; 0: as fast as credits allow. */
  readonly fps: number;
  /** The source is paused; submitted photographs are still sent. */
  readonly paused: boolean;
}

export interface StreamControlOptions {
  readonly config: Pick<TransmitterConfig, 'decoder' | 'decoderOptions' | 'fps' | 'paused'> &
    Pick<StreamSettings, 'cbr'>;
  /** @throws an error that names the rates that there are */
  readonly checkRate: (cbr: string) => void;
  /** Decoders that the receiver offers; undefined before it has said so. */
  readonly offered: () => readonly string[] | undefined;
}

const changeSchema = z.strictObject({
  decoder: z.string().min(1).max(64).optional(),
  decoderOptions: z
    .record(z.string().min(1).max(64), z.union([z.number(), z.boolean(), z.string().max(256)]))
    .refine((options) => Object.keys(options).length <= 32, 'at most 32 decoder options')
    .optional(),
  cbr: z.string().max(32).optional(),
  fps: z.number().min(0).max(1000).optional(),
  paused: z.boolean().optional(),
});

/** The settings in force, and the one way to change them. */
export class StreamControl extends EventEmitter<{ change: [settings: StreamSettings] }> {
  readonly #options: StreamControlOptions;
  #settings: StreamSettings;

  constructor(options: StreamControlOptions) {
    super();
    this.#options = options;
    const { decoder, decoderOptions, cbr, fps, paused } = options.config;
    this.#settings = { decoder, decoderOptions, cbr, fps, paused };
  }

  get settings(): StreamSettings {
    return this.#settings;
  }

  /**
   * Change some of the settings. Another decoder starts from its own defaults unless options are given with it.
   *
   * @throws StreamUpdateError when the result can't be sent; what is in force stays
   */
  update(change: unknown): StreamSettings {
    const parsed = changeSchema.safeParse(change);
    if (!parsed.success) {
      throw new StreamUpdateError(z.prettifyError(parsed.error), { cause: parsed.error });
    }
    const { decoder, decoderOptions, cbr, fps, paused } = parsed.data;
    const now = this.#settings;
    const settings: StreamSettings = {
      decoder: decoder === undefined ? now.decoder : this.#offeredDecoder(decoder),
      decoderOptions:
        decoderOptions ?? (decoder === undefined || decoder === now.decoder ? now.decoderOptions : undefined),
      cbr: cbr === undefined ? now.cbr : this.#knownRate(cbr),
      fps: fps ?? now.fps,
      paused: paused ?? now.paused,
    };
    this.#settings = settings;
    this.emit('change', settings);
    return settings;
  }

  #offeredDecoder(decoder: string): string {
    const offered = this.#options.offered();
    if (offered === undefined) {
      throw new StreamUpdateError(`whether there is a decoder "${decoder}" isn't known yet: no receiver has answered`, {
        remedy: 'try again when the link is up',
      });
    }
    if (!offered.includes(decoder)) {
      throw new StreamUpdateError(`the receiver has no decoder "${decoder}"`, {
        remedy: `choose one of ${offered.join(', ')}`,
      });
    }
    return decoder;
  }

  #knownRate(text: string): string {
    try {
      const cbr = formatCbr(parseCbr(text));
      this.#options.checkRate(cbr);
      return cbr;
    } catch (error) {
      const remedy = error instanceof SemcastError ? error.remedy : undefined;
      throw new StreamUpdateError(error instanceof Error ? error.message : String(error), {
        cause: error,
        ...(remedy === undefined ? {} : { remedy }),
      });
    }
  }
}
