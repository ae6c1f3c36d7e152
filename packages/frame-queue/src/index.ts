export { connectQueue, type QueueConnection } from './connection.js';
export { DEAD_LETTER_REASONS, type DeadLetterReason } from './dead-letters.js';
export { DeliveryMoved, QueueError } from './errors.js';
export { FrameIngest, type FrameIngestOptions, type FrameTicket, type Outcome } from './frame-ingest.js';
export { FrameWorker, type FrameWorkerOptions } from './frame-worker.js';
export type { Announcement } from './messages.js';
export { consumerName, FRAMES_STREAM } from './names.js';
export { RollCall } from './roll-call.js';
