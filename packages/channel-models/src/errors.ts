import { SemcastError } from '@semcast/core';

/** A frame's samples can't cross a channel: an odd number of values, or one that is no ordinary number. */
export class SamplesError extends SemcastError {
  override readonly name = 'SamplesError';

  constructor(message: string) {
    super('E_SAMPLES', message, { remedy: 'send interleaved I and Q values, finite, of about unit mean power' });
  }
}

/** The text of an SNR trace is not what a trace must be. */
export class TraceError extends SemcastError {
  override readonly name = 'TraceError';

  constructor(message: string) {
    super('E_TRACE', message, {
      remedy: 'write a CSV text with the header "frame,snr_db" (frames rising) or "snr_db" (one row a frame)',
    });
  }
}

/** A channel's configuration was refused; the message names each key that was wrong. */
export class ChannelConfigError extends SemcastError {
  override readonly name = 'ChannelConfigError';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super('E_CHANNEL_CONFIG', message, {
      ...options,
      remedy: 'correct the named keys; docs/definitions.md lists models, schedules and their options',
    });
  }
}
