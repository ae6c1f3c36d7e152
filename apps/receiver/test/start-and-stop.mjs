// Starts a receiver, lets a client come and leave in the middle of a frame, closes everything, and must then end by
// itself: no handle is left. The bundle comes as an argument.
import { createReceiver, receiverConfigSchema } from '@semcast/receiver';
import { openLink } from '@semcast/wire';

const service = await createReceiver(
  receiverConfigSchema.parse({ port: 0, logLevel: 'silent', workers: 1, bundle: process.argv[2] }),
);
const link = await openLink(service.wsUrl, {
  hello: {
    stream: 's',
    role: 'transmitter',
    agent: 'test',
    decoder: 'jscc',
    csi: 'none',
    sampleFormat: 'cf32_le',
    result: { format: 'raw' },
  },
  onMessage: () => {},
  onClose: () => {},
});
link.send(
  'frame',
  {
    stream: 's',
    frame: 0,
    width: 64,
    height: 64,
    cbr: '1/2',
    channelUses: 6144,
    designCsnrDb: 10,
    decoder: 'jscc',
    deadlineMs: 60_000,
    csi: 'none',
    waveform: 'single-carrier',
    interleaved: true,
    samples: { format: 'cf32_le', count: 6144 },
    bundleDigest: link.welcome.bundle.digest,
  },
  new Uint8Array(6144 * 8),
);
await fetch(`${service.httpUrl}/status`).then((response) => response.text());
await service.close();
process.stdout.write('closed\n');
