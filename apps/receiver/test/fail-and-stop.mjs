// Fails to start because its port is taken, and must then end by itself: nothing that was begun is left.
import { createServer } from 'node:net';
import { createReceiver, receiverConfigSchema } from '@semcast/receiver';

const server = createServer();
await new Promise((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
const { port } = server.address();
await createReceiver(
  receiverConfigSchema.parse({ port, logLevel: 'silent', workers: 1, bundle: process.argv[2] }),
).catch((error) => {
  process.stdout.write(`${error.code}\n`);
});
server.close();
