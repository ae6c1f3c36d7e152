export { createReceiver, type ReceiverService } from './app.js';
export { MAX_MIN_STEPS, receiverConfigSchema, type ReceiverConfigInput } from './config.js';
export type { Decoder } from './decoders/decoder.js';
export { decoders } from './decoders/registry.js';
export { runReceiver } from './main.js';
