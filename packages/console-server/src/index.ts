export { consoleConfigSchema, type ConsoleConfig } from './config.js';
export { FeedAnswerError, ServiceAwayError } from './errors.js';
export { createConsoleServer, type ConsoleServer, type ConsoleServerOptions } from './console-server.js';
