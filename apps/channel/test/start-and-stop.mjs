// Starts a channel, lets a client come and go, closes everything, and must then end by itself: no handle is left.
import { channelServiceConfigSchema, createChannelService } from '@semcast/channel';
import { connectLink } from '@semcast/wire';

const service = await createChannelService(
  channelServiceConfigSchema.parse({ port: 0, logLevel: 'silent', receiverUrl: 'ws://127.0.0.1:9' }),
);
const link = connectLink(service.wsUrl, {
  hello: {
    stream: 's',
    role: 'transmitter',
    agent: 'test',
    decoder: 'jscc',
    csi: 'none',
    sampleFormat: 'cf32_le',
    result: { format: 'raw' },
  },
});
await new Promise((resolve) => {
  link.on('state', (state) => state.name === 'waiting' && resolve());
});
await fetch(`${service.httpUrl}/metrics`).then((response) => response.text());
await link.close();
await service.close();
process.stdout.write('closed\n');
