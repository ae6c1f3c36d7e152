import { SemcastError } from '@semcast/core';
import type { DropReason } from '@semcast/wire';

/** Options of every error here: what to do, and what it came from. */
export interface TransmitterErrorOptions {
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** `E_PHOTO_UNREADABLE`: a file that should be a photograph is missing, empty, damaged or no picture at all. */
export class PhotoUnreadableError extends SemcastError {
  override readonly name = 'PhotoUnreadableError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_PHOTO_UNREADABLE', message, options);
  }
}

/** `E_PHOTO_TOO_LARGE`: a photograph has more pixels or bytes than may be read or sent. */
export class PhotoTooLargeError extends SemcastError {
  override readonly name = 'PhotoTooLargeError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_PHOTO_TOO_LARGE', message, options);
  }
}

/** `E_SOURCE`: the files and folders to stream from don't exist or hold no photograph. */
export class SourceError extends SemcastError {
  override readonly name = 'SourceError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_SOURCE', message, options);
  }
}

/** `E_JOURNAL_CORRUPT`: a journal holds a line that this program didn't write. */
export class JournalCorruptError extends SemcastError {
  override readonly name = 'JournalCorruptError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_JOURNAL_CORRUPT', message, options);
  }
}

/** `E_JOURNAL_MISMATCH`: a journal belongs to another stream, other photographs or another size. */
export class JournalMismatchError extends SemcastError {
  override readonly name = 'JournalMismatchError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_JOURNAL_MISMATCH', message, options);
  }
}

/** `E_JOURNAL_LOCKED`: another running transmitter writes this journal. */
export class JournalLockedError extends SemcastError {
  override readonly name = 'JournalLockedError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_JOURNAL_LOCKED', message, options);
  }
}

/** `E_WRITE`: a journal line or a received picture could not be written; the transmitter stops rather than lose one. */
export class WriteError extends SemcastError {
  override readonly name = 'WriteError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_WRITE', message, options);
  }
}

/** `E_RESULT_UNREADABLE`: the picture that came back can't be decoded, or has another size than the one sent. */
export class ResultUnreadableError extends SemcastError {
  override readonly name = 'ResultUnreadableError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_RESULT_UNREADABLE', message, options);
  }
}

/** `E_QUALITY_WORKER`: the thread that compares pictures failed or is closed, or too many pictures wait for it. */
export class QualityWorkerError extends SemcastError {
  override readonly name = 'QualityWorkerError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_QUALITY_WORKER', message, options);
  }
}

/** `E_FRAME_NUMBER`: a frame number that isn't one, or that this stream has used already. */
export class FrameNumberError extends SemcastError {
  override readonly name = 'FrameNumberError';

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_FRAME_NUMBER', message, options);
  }
}

/** `E_FRAME_ENDED`: a frame's journey was ended from outside its stages: dropped on the way, cancelled, given up. */
export class FrameEndedError extends SemcastError {
  override readonly name = 'FrameEndedError';
  readonly reason: DropReason;
  /**
   * Whether the frame is done with. Not so when the transmitter stops under it: then the journal has no line for it,
   * and it is sent again after a restart.
   */
  readonly isFinal: boolean;
  /** Whether channel or receiver dropped it, and count it. */
  readonly byPeer: boolean;

  constructor(
    reason: DropReason,
    detail: string,
    options: TransmitterErrorOptions & { isFinal?: boolean; byPeer?: boolean } = {},
  ) {
    super('E_FRAME_ENDED', detail, options);
    this.reason = reason;
    this.isFinal = options.isFinal ?? true;
    this.byPeer = options.byPeer ?? false;
  }
}

/** `E_STREAM_UPDATE`: the body of `PUT /stream` asks for what can't be sent; what is in force stays. */
export class StreamUpdateError extends SemcastError {
  override readonly name = 'StreamUpdateError';
  readonly statusCode = 400;

  constructor(message: string, options: TransmitterErrorOptions = {}) {
    super('E_STREAM_UPDATE', message, {
      remedy: 'GET /stream shows what is in force; send only the keys to change, for example {"fps": 2}',
      ...options,
    });
  }
}
