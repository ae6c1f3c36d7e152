/** The server of `overnight.ts`, in a process of its own, so that its memory is its own, too. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startLiveServices } from '@semcast/testkit';
import sharp from 'sharp';
import { startConsole } from '../test/support/console.js';

const fps = Number(process.argv[2] ?? '10');
const MEBI = 1024 ** 2;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const width = 256;
const noise = Uint8Array.from({ length: 3 * width * width }, (_, i) => (i * 7919 + (i >> 5) * 104_729) & 255);
const picture = await sharp(noise, { raw: { width, height: width, channels: 3 } })
  .png()
  .toBuffer();
const services = await startLiveServices({ picture, width, height: width });
const shown = await startConsole(services, { maxPictureBytes: 64 * MEBI });
let frame = 0;
const startMs = performance.now();
setInterval(() => {
  // What a late timer owes is made up for, so that the rate is what it says.
  while (frame < ((performance.now() - startMs) / 1000) * fps) {
    services.emitFrame(frame++, { snrDb: 10 + 10 * Math.sin(frame / 40) });
    if (frame % 100 === 0) {
      const message = `the channel is awgn at ${frame} dB`;
      services.channel.push({ kind: 'event', event: 'channel-changed', level: 'info', message });
    }
  }
}, 1000 / fps);
process.on('message', () => {
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  process.send?.({ frame, heap: heapUsed / MEBI, rss: rss / MEBI });
});
process.once('disconnect', () => {
  void shown
    .close()
    .then(() => services.close())
    .finally(() => process.exit(0));
});
process.send?.({ url: shown.url });
