import { errorClass, SemcastError, type SemcastErrorOptions } from '@semcast/core';
import type { DropReason } from '@semcast/wire';

/** `E_PHOTO_UNREADABLE`: a file that should be a photograph is missing, empty, damaged or no picture at all. */
export class PhotoUnreadableError extends errorClass('PhotoUnreadableError', 'E_PHOTO_UNREADABLE') {
  /** Of an answer, where it was handed in. */
  readonly statusCode = 400;
}

/** `E_PHOTO_TOO_LARGE`: a photograph has more pixels or bytes than may be read or sent. */
export class PhotoTooLargeError extends errorClass('PhotoTooLargeError', 'E_PHOTO_TOO_LARGE') {
  readonly statusCode = 413;
}

/** `E_SOURCE`: the files and folders to stream from don't exist or hold no photograph. */
export class SourceError extends errorClass('SourceError', 'E_SOURCE') {}

/** `E_JOURNAL_CORRUPT`: a journal holds a line that this program didn't write. */
export class JournalCorruptError extends errorClass('JournalCorruptError', 'E_JOURNAL_CORRUPT') {}

/** `E_JOURNAL_MISMATCH`: a journal belongs to another stream, other photographs or another size. */
export class JournalMismatchError extends errorClass('JournalMismatchError', 'E_JOURNAL_MISMATCH') {}

/** `E_JOURNAL_LOCKED`: another running transmitter writes this journal. */
export class JournalLockedError extends errorClass('JournalLockedError', 'E_JOURNAL_LOCKED') {}

/** `E_WRITE`: a journal line or a received picture could not be written; the transmitter stops rather than lose one. */
export class WriteError extends errorClass('WriteError', 'E_WRITE') {}

/** `E_RESULT_UNREADABLE`: the picture that came back can't be decoded, or has another size than the one sent. */
export class ResultUnreadableError extends errorClass('ResultUnreadableError', 'E_RESULT_UNREADABLE') {}

/** `E_QUALITY_WORKER`: the thread that compares pictures failed or is closed, or too many pictures wait for it. */
export class QualityWorkerError extends errorClass('QualityWorkerError', 'E_QUALITY_WORKER') {}

/** `E_FRAME_NUMBER`: a frame number that isn't one, or that this stream has used already. */
export class FrameNumberError extends errorClass('FrameNumberError', 'E_FRAME_NUMBER') {}

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
    options: SemcastErrorOptions & { isFinal?: boolean; byPeer?: boolean } = {},
  ) {
    super('E_FRAME_ENDED', detail, options);
    this.reason = reason;
    this.isFinal = options.isFinal ?? true;
    this.byPeer = options.byPeer ?? false;
  }
}

/** `E_STREAM_UPDATE`: the body of `PUT /stream` asks for what can't be sent; what is in force stays. */
export class StreamUpdateError extends errorClass(
  'StreamUpdateError',
  'E_STREAM_UPDATE',
  'GET /stream shows what is in force; send only the keys to change, for example {"fps": 2}',
) {
  readonly statusCode = 400;
}
