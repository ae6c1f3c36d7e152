import { errorClass } from '@semcast/core';

/** A frame's samples can't cross a channel: not all are ordinary numbers. */
export class SamplesError extends errorClass(
  'SamplesError',
  'E_SAMPLES',
  'send interleaved I and Q values, finite, of about unit mean power',
) {}

/** The text of an SNR trace is not what a trace must be. */
export class TraceError extends errorClass(
  'TraceError',
  'E_TRACE',
  'write a CSV text with the header "frame,snr_db" (frames rising) or "snr_db" (one row a frame)',
) {}

/** A channel's configuration was refused; the message names each key that was wrong. */
export class ChannelConfigError extends errorClass(
  'ChannelConfigError',
  'E_CHANNEL_CONFIG',
  'correct the named keys; docs/definitions.md lists models, schedules and their options',
) {}

/** An option of a model or an impairment that has the right form and still can't be; `parseChannelConfig` says where it stands. */
export class OptionError extends errorClass('OptionError', 'E_CHANNEL_OPTION', 'correct the named option') {
  readonly option: string;

  constructor(option: string, message: string) {
    super(message);
    this.option = option;
  }
}
