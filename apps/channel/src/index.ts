export { createChannelService, type ChannelService } from './app.js';
export { channelServiceConfigSchema, type ChannelServiceConfigInput } from './config.js';
export { runChannel, type ChannelMessage } from './main.js';
export { RecordingError } from './errors.js';
export { openRecording, type RecordedStream } from './recording/read-recording.js';
