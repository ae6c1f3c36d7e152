/** The receiver of `soak.ts`, in a process of its own, so that its memory, handles and event loop are its own, too. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createReceiver, receiverConfigSchema } from '@semcast/receiver';

const NANOSECONDS_PER_MS = 1e6;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const receiver = await createReceiver(
  receiverConfigSchema.parse({ port: 0, logLevel: 'warn', console: { enabled: false } }),
);
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.on('message', () => {
  // Read before the garbage collection below, which stops the loop itself.
  const loopMs = { p99: delay.percentile(99) / NANOSECONDS_PER_MS, max: delay.max / NANOSECONDS_PER_MS };
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  const { streams, queue } = receiver.status();
  process.send?.({
    heap: heapUsed,
    external,
    resident: rss,
    handles: process.getActiveResourcesInfo().length,
    loopMs,
    streams: streams.known,
    frames: queue.waiting + queue.decoding,
  });
  delay.reset();
});
process.once('disconnect', () => {
  void receiver.close().finally(() => process.exit(0));
});
process.send?.({ url: receiver.wsUrl });
