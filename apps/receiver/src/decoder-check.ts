import { documented, HttpError, type HttpServer } from '@semcast/service';
import { z } from 'zod';
import type { Decoder } from './decoders/decoder.js';

const bodySchema = z.object({ decoder: z.string().max(64), decoderOptions: z.unknown().optional() });

/**
 * `POST /decoders/check`: whether a decoder would take these options, before frames are dropped for them. Answers with
 * the options, defaults filled in.
 */
export function addDecoderCheck(
  { app }: HttpServer,
  decoders: ReadonlyMap<string, Decoder>,
  { maxMinSteps }: { readonly maxMinSteps: number },
): void {
  const schema = documented('Whether a decoder takes these options', { body: bodySchema });
  app.post('/decoders/check', { schema }, ({ body }) => {
    const parsed = bodySchema.safeParse(body);
    if (!parsed.success) {
      throw refusal(z.prettifyError(parsed.error), 'send {"decoder": NAME, "decoderOptions": {…}}');
    }
    const { decoder: name, decoderOptions } = parsed.data;
    const decoder = decoders.get(name);
    if (decoder === undefined) {
      throw refusal(`this receiver has no decoder "${name}"`, `choose one of ${[...decoders.keys()].join(', ')}`);
    }
    const options = decoder.optionsSchema.safeParse(decoderOptions ?? {});
    if (!options.success) {
      const known = Object.keys(decoder.optionsSchema.shape);
      throw refusal(
        `options of ${name} are wrong: ${z.prettifyError(options.error)}`,
        known.length === 0 ? `${name} takes no options` : `${name} takes ${known.join(', ')}`,
      );
    }
    const { minSteps } = options.data;
    if (typeof minSteps === 'number' && minSteps > maxMinSteps) {
      throw refusal(
        `minSteps of ${name} is ${minSteps}; this receiver lets frames insist on ${maxMinSteps} (maxMinSteps)`,
        'lower minSteps and leave steps as they are: they are all taken when the receiver has time',
      );
    }
    return { decoder: name, decoderOptions: options.data };
  });
}

function refusal(message: string, remedy: string): HttpError {
  return new HttpError(400, 'E_DECODER_OPTIONS', message, remedy);
}
