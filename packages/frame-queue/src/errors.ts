import { errorClass, SemcastError } from '@semcast/core';
import { DeliveryCancelled, type DropReason } from '@semcast/wire';

/** `E_QUEUE`: the queue can't be used: no server, no JetStream, no permission. */
export class QueueError extends errorClass(
  'QueueError',
  'E_QUEUE',
  'start nats-server with JetStream (nats-server -js) where --queue says, and check user and password',
) {}

/** `E_QUEUE_DROP`: a frame ends in the queue; `reason` is what its sender is told. */
export class QueueDropError extends SemcastError {
  override readonly name = 'QueueDropError';
  readonly reason: DropReason;

  constructor(reason: DropReason, detail: string, options: { cause?: unknown } = {}) {
    super('E_QUEUE_DROP', detail, options);
    this.reason = reason;
  }
}

/** Work on a frame stops here because its outcome comes from elsewhere: nothing is to be told, and nothing counted. */
export class DeliveryMoved extends DeliveryCancelled {}
