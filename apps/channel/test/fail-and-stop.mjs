// Fails to start because its port is taken, and must then end by itself: nothing that was begun is left.
import { createServer } from 'node:net';
import { createChannelService, channelServiceConfigSchema } from '@semcast/channel';

const server = createServer();
await new Promise((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
const { port } = server.address();
await createChannelService(channelServiceConfigSchema.parse({ port, logLevel: 'silent' })).catch((error) => {
  process.stdout.write(`${error.code}\n`);
});
server.close();
