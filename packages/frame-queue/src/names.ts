/** What is called how in NATS. Everything stands under `semcast`. */

/** Frames that wait for a worker or are being decoded: a work queue, from which an acknowledged frame is deleted. */
export const FRAMES_STREAM = 'SEMCAST_FRAMES';
/** Frames that ended for a reason that somebody should look at. */
export const DEAD_LETTERS_STREAM = 'SEMCAST_DEAD_LETTERS';
/** Messages beyond the payload limit of the server. */
export const BLOBS_BUCKET = 'SEMCAST_BLOBS';
/** The stream that such a store is. */
export const BLOBS_STREAM = `OBJ_${BLOBS_BUCKET}`;

export const ALL_FRAMES = 'semcast.frames.*.*';
export const ALL_DEAD_LETTERS = 'semcast.dead.*';
/** Workers say here what they can do … */
export const ANNOUNCEMENTS = 'semcast.announce';
/** … and do so at once when somebody asks. */
export const ROLL_CALL = 'semcast.roll-call';

/** The frames of a bundle for a decoder; only workers with that bundle and decoder take from it. */
export function frameSubject(bundleDigest: string, decoder: string): string {
  return `semcast.frames.${bundleDigest}.${decoder}`;
}

/** The consumer that all workers with a bundle and a decoder share. */
export function consumerName(bundleDigest: string, decoder: string): string {
  return `${bundleDigest.slice(0, 16)}-${decoder}`;
}

/** What workers tell the process that put a frame into the queue: the reply subject of its frames. */
export function replySubject(ingest: string): string {
  return `semcast.reply.${ingest}`;
}

/** What a worker is told of the frames that it has. */
export function workerSubject(worker: string): string {
  return `semcast.worker.${worker}`;
}

export function deadLetterSubject(reason: string): string {
  return `semcast.dead.${reason}`;
}
