export { createChannelService, type ChannelService } from './app.js';
export type { ChannelState } from './channel-control.js';
export { channelServiceConfigSchema, type ChannelServiceConfig, type ChannelServiceConfigInput } from './config.js';
export {
  ChannelUpdateError,
  FrameDropError,
  InvalidFrameError,
  LostFrameError,
  ReceiverAwayError,
  TraceFileError,
} from './errors.js';
export { runChannel, type ChannelMessage } from './main.js';
