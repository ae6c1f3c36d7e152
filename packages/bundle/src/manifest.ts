import { cbrValue, parseCbr } from '@semcast/core';
import { z } from 'zod';

/** A file inside the bundle's folder: no path that leaves it, no absolute one. */
const fileName = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/, {
    error: 'must be a path inside the bundle, of letters, digits, ".", "_", "-" and "/"',
  });

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 in 64 lower-case hex digits' });

export const fileEntry = z.strictObject({ file: fileName, sha256 });

/**
 * A graph and its forms for the CPU, if it has any: `cpu` computes the same in operators that run faster there, `int8`
 * nearly the same, with convolutions in 8 bits.
 */
const graphEntry = fileEntry.extend({ cpu: fileEntry.optional(), int8: fileEntry.optional() });

/**
 * Moments of the codec's symbols over photographs: the mean of each real channel, and the variance of each complex
 * symbol, by pair of channels. A receiver equalises with them, and estimates channels without pilots from them.
 */
const moments = z.strictObject({ mean: z.array(z.number()), variance: z.array(z.number().positive()) });
export type SymbolMoments = z.infer<typeof moments>;

const cbrText = z.string().refine(
  (text) => {
    try {
      parseCbr(text);
      return true;
    } catch {
      return false;
    }
  },
  // Aborts, because the checks across fields below compute with it.
  { error: 'must be a channel bandwidth ratio such as "1/24"', abort: true },
);

/** Names of the graphs that a codec bundle may hold; encoder and decoder it must. */
export const GRAPH_NAMES = ['encoder', 'decoder', 'denoiser', 'distilled', 'encoderVjp', 'posteriorStep'] as const;
export type GraphName = (typeof GRAPH_NAMES)[number];

/**
 * The schema of `bundle.json`, format 1 (docs/adr/0002-bundle-format.md).
 *
 * Beyond types it checks what would otherwise surface as a wrong picture: that each rate's channels and the stride
 * give the bandwidth ratio they claim, and that the RMSE table has the shape of its axes.
 */
export const bundleManifestSchema = z
  .strictObject({
    format: z.literal(1, { error: 'must be 1, the only bundle format that this semcast reads' }),
    name: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
    version: z.string().min(1).max(64),
    description: z.string().max(2000).optional(),
    license: z.string().max(200).optional(),
    graphs: z.strictObject({
      encoder: graphEntry,
      decoder: graphEntry,
      denoiser: graphEntry.optional(),
      distilled: graphEntry.optional(),
      encoderVjp: graphEntry.optional(),
      posteriorStep: graphEntry.optional(),
    }),
    /** External weight files that the graphs refer to by name. */
    weights: z.array(fileEntry).max(64).optional(),
    /** Pixels per latent position, along each side. */
    stride: z.int().min(1).max(256),
    /** Real latent channels C; two make one complex symbol. */
    latentChannels: z.int().min(2).max(4096).multipleOf(2),
    /** Network input = (rgb/255 - mean) / std, per colour channel. */
    normalisation: z.strictObject({
      mean: z.tuple([z.number(), z.number(), z.number()]),
      std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
    }),
    /** The rates that the codec was trained for: the first `channels` of the latent are sent. */
    rates: z
      .array(z.strictObject({ cbr: cbrText, channels: z.int().min(2).multipleOf(2), moments: moments.optional() }))
      .min(1)
      .max(64),
    /** The channel SNRs that the codec was trained for, dB per complex symbol. */
    /** The channel SNRs that the networks may be told, in dB per complex symbol; others are clamped. */
    csnrDb: z.strictObject({ min: z.number(), max: z.number() }),
    /** RMSE of the one-shot decode in [-1,1] units: `values[i][j]` at `csnrDb[i]` and `cbr[j]`. */
    rmse: z.strictObject({
      csnrDb: z.array(z.number()).min(1).max(256),
      cbr: z.array(cbrText).min(1).max(64),
      values: z.array(z.array(z.number().nonnegative())),
    }),
    /** Recorded inputs and outputs of the graphs, and how far a replay may be off. */
    parity: fileEntry.extend({ tolerance: z.number().positive() }),
  })
  .superRefine((manifest, context) => {
    const complain = (path: (string | number)[], message: string): void => {
      context.addIssue({ code: 'custom', path, message });
    };
    for (const [i, { cbr, channels, ...rate }] of manifest.rates.entries()) {
      if (rate.moments && (rate.moments.mean.length !== channels || rate.moments.variance.length !== channels / 2)) {
        complain(['rates', i, 'moments'], `must have ${channels} means and ${channels / 2} variances`);
      }
      if (channels > manifest.latentChannels) {
        complain(['rates', i, 'channels'], `is more than the ${manifest.latentChannels} latent channels`);
      }
      // channels/2 complex symbols for each stride × stride block of 3-channel pixels.
      const actual = channels / 2 / (3 * manifest.stride ** 2);
      if (Math.abs(actual / cbrValue(parseCbr(cbr)) - 1) > 1e-9) {
        complain(['rates', i], `${channels} channels at stride ${manifest.stride} are ${actual}, not ${cbr}`);
      }
      if (manifest.rates.findIndex((other) => other.channels === channels) !== i) {
        complain(['rates', i, 'channels'], 'is listed twice');
      }
    }
    if (manifest.csnrDb.min > manifest.csnrDb.max) {
      complain(['csnrDb'], 'has its minimum above its maximum');
    }
    const { csnrDb, cbr, values } = manifest.rmse;
    if (values.length !== csnrDb.length || values.some((row) => row.length !== cbr.length)) {
      complain(['rmse', 'values'], `must have ${csnrDb.length} rows (csnrDb) of ${cbr.length} values (cbr)`);
    }
    if (csnrDb.some((value, i) => i > 0 && value <= csnrDb[i - 1]!)) {
      complain(['rmse', 'csnrDb'], 'must rise from entry to entry');
    }
  });

/** What `bundle.json` says. */
export type BundleManifest = z.infer<typeof bundleManifestSchema>;
