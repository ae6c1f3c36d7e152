import { errorClass } from '@semcast/core';
import { DeliveryCancelled } from '@semcast/wire';

/** `E_QUEUE`: the queue can't be used: no server, no JetStream, no permission. */
export class QueueError extends errorClass(
  'QueueError',
  'E_QUEUE',
  'start nats-server with JetStream (nats-server -js) where --queue says, and check user and password',
) {}

/** Work on a frame stops here because its outcome comes from elsewhere: nothing is to be told, and nothing counted. */
export class DeliveryMoved extends DeliveryCancelled {}
