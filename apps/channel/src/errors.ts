import { errorClass } from '@semcast/core';
import { CLOSE_CODES, WireError } from '@semcast/wire';

/** `E_CHANNEL_UPDATE`: the body of `PUT /channel` makes no channel; the message names each key that was wrong. */
export class ChannelUpdateError extends errorClass(
  'ChannelUpdateError',
  'E_CHANNEL_UPDATE',
  'GET /channel shows what is in force; send only the keys to change, for example {"snr":{"name":"constant","snrDb":5}}',
) {
  readonly statusCode = 400;
}

/** `E_TRACE_FILE`: the CSV file of an SNR trace can't be read. */
export class TraceFileError extends errorClass(
  'TraceFileError',
  'E_TRACE_FILE',
  'set traceFile to a CSV file with the header "frame,snr_db" or "snr_db" that this process may read',
) {}

/** `E_RECORD_FOLDER`: the folder for recordings can't be made or written to. */
export class RecordFolderError extends errorClass(
  'RecordFolderError',
  'E_RECORD_FOLDER',
  'set record.folder to a folder that this process may write to, or leave it out',
) {}

/** `E_PUBLISH`: samples can't be published at this address and port. */
export class PublishError extends errorClass(
  'PublishError',
  'E_PUBLISH',
  'choose a free port and an address of this machine: publish.port, publish.host',
) {}

/** `E_RECORDING`: a file is no recording of a semcast channel, or not a whole one. */
export class RecordingError extends errorClass(
  'RecordingError',
  'E_RECORDING',
  'name the .sigmf-meta file of a recording of `semcast channel --record.folder`, with its .sigmf-data file beside it',
) {}

/** `E_RECEIVER_AWAY`: no receiver answers behind the channel, or it doesn't let the channel in. */
export class ReceiverAwayError extends WireError {
  override readonly name = 'ReceiverAwayError';

  constructor(url: string, why: string, options: { remedy?: string; cause?: unknown } = {}) {
    super('E_RECEIVER_AWAY', CLOSE_CODES.tryAgain, `the receiver at ${url} is away: ${why}`, {
      remedy:
        options.remedy ??
        'start the receiver, or set receiverUrl of the channel to where it listens; clients connect again by themselves',
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
  }
}
