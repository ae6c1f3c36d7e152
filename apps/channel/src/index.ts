export { createChannelService, type ChannelService } from './app.js';
export { channelServiceConfigSchema, type ChannelServiceConfigInput } from './config.js';
export { runChannel, type ChannelMessage } from './main.js';
