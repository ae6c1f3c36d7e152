import { UnknownRateError, type Bundle, type Codec, type SymbolMoments } from '@semcast/bundle';
import { describeError } from '@semcast/core';
import { linkFormat, type LinkFormat } from '@semcast/digital';
import { createModem, symbolCount, type LatentLayout, type Modem } from '@semcast/phy';
import { FrameDropError, type FrameHead, type FrameMessage, type ResultFormat } from '@semcast/wire';
import { z } from 'zod';
import type { Decoder, RefinementPlan } from './decoders/decoder.js';

/** Sides beyond this can't be written as WebP. */
const MAX_WEBP_SIDE = 16_383;

/** The limits of a receiver, and what it decodes with. */
export interface ReceptionRules {
  readonly bundle: Bundle;
  readonly codec: Pick<Codec, 'geometry' | 'activeChannels'>;
  readonly decoders: ReadonlyMap<string, Decoder>;
  readonly maxImagePixels: number;
  /** The largest `minSteps` that a frame may demand. */
  readonly maxMinSteps: number;
}

/** A frame that can be decoded: its head is consistent, wanted, and within the limits. */
export interface ReceivedFrame {
  readonly head: FrameHead;
  readonly payload: Uint8Array;
  readonly decoder: Decoder;
  /** Validated by the decoder's schema. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What the decoder does after the one-shot decode; null where the one-shot decode is the picture. */
  readonly plan: RefinementPlan | null;
  readonly modem: Modem;
  /** Of the codec's symbols at this rate, where the bundle tells them. */
  readonly moments: SymbolMoments | undefined;
  readonly layout: LatentLayout;
  /** How a digital frame's bytes became symbols; null where the symbols are a latent. */
  readonly transport: LinkFormat | null;
  /** The latent's sides, in positions. */
  readonly latentHeight: number;
  readonly latentWidth: number;
  /** The picture's pixels with its padding to the stride. */
  readonly paddedPixels: number;
  /** How its picture is to be returned. */
  readonly format: ResultFormat;
}

/**
 * Take a frame off the socket: check everything that its head says before anything is computed.
 *
 * @throws FrameDropError with the reason that the sender is told
 */
export function receiveFrame(
  { head, payload }: Pick<FrameMessage, 'head' | 'payload'>,
  format: ResultFormat,
  rules: ReceptionRules,
): ReceivedFrame {
  checkBundle(head, rules.bundle);
  const { decoder, options, plan } = chooseDecoder(head, rules);
  const { channels, positions, height, width, paddedHeight, paddedWidth } = checkSize(head, format, rules);
  const layout = { channels, positions, activeChannels: activeChannelsOf(head, rules.codec) };
  const modem = modemOf(head);
  if (modem.channelState === 'needed' && head.impairment?.noiseVariance === undefined) {
    throw new FrameDropError(
      'invalid-frame',
      `the frame's ${head.waveform} asks for genie channel state, which no channel has told; send with csi genie over ` +
        'a channel, or choose another estimator',
    );
  }
  const isDigital = decoder.code === 'digital';
  const moments = isDigital
    ? undefined
    : rules.bundle.manifest.rates.find((rate) => rate.channels === layout.activeChannels)?.moments;
  if (modem.blind && moments === undefined) {
    throw new FrameDropError(
      'invalid-frame',
      `the frame's ${head.waveform} asks for a blind estimate of the channel, ` +
        (isDigital
          ? 'which QAM symbols leave with an unknown phase; choose another estimator'
          : 'for which the bundle has to tell the moments of its symbols; python -m semcast_training.moments adds them, ' +
            'or choose another estimator'),
    );
  }
  const symbols = symbolCount(layout);
  const samples = modem.samplesFor(symbols);
  if (head.samples.count !== samples || head.channelUses !== symbols) {
    throw new FrameDropError(
      'invalid-frame',
      `a picture of ${head.width}×${head.height} at ${head.cbr} takes ${symbols} channel uses in ${samples} samples; ` +
        `the frame says ${head.channelUses} and carries ${head.samples.count} samples`,
    );
  }
  return {
    head,
    payload,
    decoder,
    options,
    plan,
    modem,
    layout,
    transport: isDigital ? linkFormat(head.designCsnrDb, symbols) : null,
    moments,
    latentHeight: height,
    latentWidth: width,
    paddedPixels: paddedHeight * paddedWidth,
    format,
  };
}

function checkBundle({ bundleDigest }: FrameHead, { digest, manifest }: Bundle): void {
  if (bundleDigest !== digest) {
    throw new FrameDropError(
      'wrong-bundle',
      `the frame was encoded with bundle ${bundleDigest.slice(0, 12)}…, this receiver has ${manifest.name} ` +
        `${manifest.version} (${digest.slice(0, 12)}…); give both ends the same bundle folder`,
    );
  }
}

function chooseDecoder(
  head: FrameHead,
  { decoders, maxMinSteps }: ReceptionRules,
): Pick<ReceivedFrame, 'decoder' | 'options' | 'plan'> {
  const decoder = decoders.get(head.decoder);
  if (decoder === undefined) {
    throw new FrameDropError(
      'unknown-decoder',
      `this receiver has no decoder "${head.decoder}"; it has ${[...decoders.keys()].join(', ')}`,
    );
  }
  const options = decoder.optionsSchema.safeParse(head.decoderOptions ?? {});
  if (!options.success) {
    throw new FrameDropError(
      'invalid-frame',
      `options of decoder "${decoder.name}" are wrong: ${z.prettifyError(options.error)}`,
    );
  }
  const plan = planOf(decoder, options.data);
  if (plan !== null && plan.steps.min > maxMinSteps) {
    throw new FrameDropError(
      'too-many-steps',
      `the frame insists on ${plan.steps.min} steps (minSteps); this receiver grants ${maxMinSteps} for certain ` +
        '(maxMinSteps), and more only when it has time; ask for fewer minSteps and as many steps, or raise maxMinSteps',
    );
  }
  return { decoder, options: options.data, plan };
}

function modemOf({ waveform, waveformOptions }: FrameHead): Modem {
  try {
    return createModem(waveform, waveformOptions);
  } catch (error) {
    throw new FrameDropError('invalid-frame', describeError(error), { cause: error });
  }
}

function planOf({ name, refinement }: Decoder, options: Record<string, unknown>): RefinementPlan | null {
  try {
    return refinement?.plan(options) ?? null;
  } catch (error) {
    const detail = `options of decoder "${name}" make no decode: ${describeError(error)}`;
    throw new FrameDropError('invalid-frame', detail, { cause: error });
  }
}

function checkSize({ width, height }: FrameHead, format: ResultFormat, { codec, maxImagePixels }: ReceptionRules) {
  const geometry = codec.geometry(width, height);
  // Padded: a picture of one pixel's height costs as much as one of a whole stride.
  const pixels = geometry.paddedWidth * geometry.paddedHeight;
  if (pixels > maxImagePixels) {
    throw new FrameDropError(
      'image-too-large',
      `a picture of ${width}×${height} takes ${pixels} pixels with its padding; this receiver takes ` +
        `${maxImagePixels}; send it smaller, or raise maxImagePixels (about 250 bytes of memory each)`,
    );
  }
  if (format === 'webp' && Math.max(width, height) > MAX_WEBP_SIDE) {
    throw new FrameDropError(
      'image-too-large',
      `a picture of ${width}×${height} can't be returned as WebP (at most ${MAX_WEBP_SIDE} a side); ask for PNG`,
    );
  }
  return geometry;
}

function activeChannelsOf({ cbr }: FrameHead, codec: ReceptionRules['codec']): number {
  try {
    return codec.activeChannels(cbr);
  } catch (error) {
    if (error instanceof UnknownRateError) {
      throw new FrameDropError('unknown-rate', `${error.message}; ${error.remedy ?? ''}`, { cause: error });
    }
    throw error;
  }
}
