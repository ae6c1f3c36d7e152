import { secretSchema } from '@semcast/config';
import { z } from 'zod';

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:7403' });
const token = secretSchema.optional();

/** The console's part of a service's configuration. */
export const consoleConfigSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('serve the console page, and its live data while a page is open'),
    transmitterUrl: httpUrl.default('http://127.0.0.1:7403').describe('HTTP side of the transmitter that is watched'),
    channelUrl: httpUrl.default('http://127.0.0.1:7401').describe('HTTP side of the channel'),
    controlToken: token.describe('bearer token without which the controls of the page are refused'),
    transmitterToken: token.describe('controlToken of the transmitter'),
    channelToken: token.describe('controlToken of the channel'),
    maxPages: z
      .int()
      .min(1)
      .max(1000)
      .default(32)
      .describe('most pages that look at a time; for one more, the oldest of the address with the most is closed'),
    maxPagesPerAddress: z
      .int()
      .min(1)
      .max(1000)
      .default(16)
      .describe('most of these from one address; raise it where a proxy stands in front'),
    maxPictureBytes: z
      .int()
      .min(0)
      .default(64 * 1024 ** 2)
      .describe('bytes of the pictures that are kept for the pages'),
  })
  .superRefine(({ controlToken, transmitterToken, channelToken }, context) => {
    if (controlToken === undefined && (transmitterToken ?? channelToken) !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['controlToken'],
        message:
          'is required beside transmitterToken or channelToken: without it, whoever opens the page may do what these protect',
      });
    }
  });

export type ConsoleConfig = z.output<typeof consoleConfigSchema>;
