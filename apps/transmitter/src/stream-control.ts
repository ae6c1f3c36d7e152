import { EventEmitter } from 'node:events';
import { formatCbr, parseCbr, SemcastError } from '@semcast/core';
import type { CsiMode } from '@semcast/wire';
import { z } from 'zod';
import { chooseCsi } from './choose-csi.js';
import { DIGITAL_COMPANIONS, type TransmitterConfig } from './config.js';
import { StreamUpdateError } from './errors.js';
import type { DecoderOptions, WaveformOptions } from './frame-request.js';

/** Settings that may be changed while frames flow; a change takes effect with the next frame. */
export interface StreamSettings {
  readonly decoder: string;
  readonly decoderOptions: DecoderOptions | undefined;
  /** One of the rates of the bundle. */
  readonly cbr: string;
  readonly waveform: string;
  readonly waveformOptions: WaveformOptions | undefined;
  /** What the receiver is told of the channel: as configured, else by the waveform. */
  readonly csi: CsiMode;
  /** Whether photographs go once more by the digital link while somebody watches, and for which SNR. */
  readonly digital: TransmitterConfig['digital'];
  /** Frames of the source per second; 0: as fast as credits allow. */
  readonly fps: number;
  /** At a change, the photograph that was sent last goes once more, in place of the frames under way. */
  readonly latest: boolean;
  /** The name of the photograph that is sent again and again; null: one after the other. */
  readonly photo: string | null;
  /** The source is paused; submitted photographs are still sent. */
  readonly paused: boolean;
}

export interface StreamControlOptions {
  readonly config: Pick<
    TransmitterConfig,
    'decoder' | 'decoderOptions' | 'waveform' | 'waveformOptions' | 'csi' | 'digital' | 'fps' | 'latest' | 'paused'
  > &
    Pick<StreamSettings, 'cbr'>;
  /** @throws an error that names the rates that there are */
  readonly checkRate: (cbr: string) => void;
  /** Decoders that the receiver offers; undefined before it has said so. */
  readonly offered: () => readonly string[] | undefined;
  /** Photographs that can be sent. */
  readonly photographs: () => readonly string[];
}

const optionsSchema = z
  .record(z.string().min(1).max(64), z.union([z.number(), z.boolean(), z.string().max(256)]))
  .refine((options) => Object.keys(options).length <= 32, 'at most 32 options')
  .optional();

/** The body of `PUT /stream`. */
export const streamChangeSchema = z.strictObject({
  decoder: z.string().min(1).max(64).optional(),
  decoderOptions: optionsSchema,
  cbr: z.string().max(32).optional(),
  waveform: z.string().min(1).max(64).optional(),
  waveformOptions: optionsSchema,
  digital: z.enum(DIGITAL_COMPANIONS).optional(),
  fps: z.number().min(0).max(1000).optional(),
  latest: z.boolean().optional(),
  photo: z.string().min(1).max(256).nullable().optional(),
  paused: z.boolean().optional(),
});

/** The settings in force, and the one way to change them. */
export class StreamControl extends EventEmitter<{ change: [settings: StreamSettings] }> {
  readonly #options: StreamControlOptions;
  #settings: StreamSettings;

  constructor(options: StreamControlOptions) {
    super();
    this.#options = options;
    const { decoder, decoderOptions, cbr, waveform, waveformOptions, digital, fps, latest, paused } = options.config;
    const csi = chooseCsi(options.config);
    this.#settings = {
      decoder,
      decoderOptions,
      cbr,
      waveform,
      waveformOptions,
      csi,
      digital,
      fps,
      latest,
      photo: null,
      paused,
    };
  }

  get settings(): StreamSettings {
    return this.#settings;
  }

  /**
   * Change some of the settings. Another decoder, or another waveform, starts from its own defaults unless options are
   * given with it.
   *
   * @throws StreamUpdateError when the result can't be sent; what is in force stays
   */
  update(change: unknown): StreamSettings {
    const parsed = streamChangeSchema.safeParse(change);
    if (!parsed.success) {
      throw new StreamUpdateError(z.prettifyError(parsed.error), { cause: parsed.error });
    }
    const { decoder, decoderOptions, cbr, waveform, waveformOptions, digital, fps, latest, photo, paused } =
      parsed.data;
    const now = this.#settings;
    const settings: StreamSettings = {
      decoder: decoder === undefined ? now.decoder : this.#offeredDecoder(decoder),
      decoderOptions:
        decoderOptions ?? (decoder === undefined || decoder === now.decoder ? now.decoderOptions : undefined),
      cbr: cbr === undefined ? now.cbr : this.#knownRate(cbr),
      ...this.#checkedWaveform({
        waveform: waveform ?? now.waveform,
        waveformOptions:
          waveformOptions ?? (waveform === undefined || waveform === now.waveform ? now.waveformOptions : undefined),
      }),
      digital: digital ?? now.digital,
      fps: fps ?? now.fps,
      latest: latest ?? now.latest,
      photo: photo === undefined ? now.photo : photo && this.#knownPhoto(photo),
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

  #knownPhoto(photo: string): string {
    const names = this.#options.photographs();
    if (!names.includes(photo)) {
      throw new StreamUpdateError(`there is no photograph "${photo}"`, {
        remedy: `choose one of ${names.slice(0, 20).join(', ')}`,
      });
    }
    return photo;
  }

  #knownRate(text: string): string {
    return orRefused(() => {
      const cbr = formatCbr(parseCbr(text));
      this.#options.checkRate(cbr);
      return cbr;
    });
  }

  #checkedWaveform(
    choice: Pick<StreamSettings, 'waveform' | 'waveformOptions'>,
  ): Pick<StreamSettings, 'waveform' | 'waveformOptions' | 'csi'> {
    return orRefused(() => ({ ...choice, csi: chooseCsi({ ...choice, csi: this.#options.config.csi }) }));
  }
}

/** @throws StreamUpdateError in place of whatever is thrown */
function orRefused<Value>(check: () => Value): Value {
  try {
    return check();
  } catch (error) {
    const remedy = error instanceof SemcastError ? error.remedy : undefined;
    throw new StreamUpdateError(error instanceof Error ? error.message : String(error), {
      cause: error,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}
