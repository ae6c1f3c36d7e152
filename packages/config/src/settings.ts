/** Settings that several services have. */
import { z } from 'zod';

/**
 * A token in a configuration. White space around it is nobody's secret but the end of the file that it was read from:
 * a carriage return, mostly.
 */
export const secretSchema = z
  .string()
  .trim()
  .min(1, { error: 'is empty: give it a value, or leave it out where none is wanted' })
  .max(1024);

/**
 * Where a service listens, and by which names it may be called.
 *
 * @param port the default
 */
export const listenSettings = (port: number) => ({
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; 0.0.0.0 for all'),
  port: z.int().min(0).max(65_535).default(port).describe('port to listen on; 0 takes any free one'),
  tlsCert: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file of the certificate, issuers behind it: with tlsKey, speak https and wss only'),
  tlsKey: z.string().min(1).optional().describe('PEM file of the private key of tlsCert'),
  allowedHosts: z
    .array(z.string().regex(/^[a-z0-9._-]+$/i, 'must be a host name, without a port'))
    .max(1000)
    .default([])
    .describe(
      'names by which this service may be called, beside localhost, the name of its machine, and any IP address',
    ),
  maxRequestsPerSecond: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(500)
    .describe('requests, and new connections, that one address may make a second; twice as many at once'),
});

/** From the most talkative to none at all. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export const logLevelSchema = z.enum(LOG_LEVELS).default('info').describe('least severe log lines that are written');
