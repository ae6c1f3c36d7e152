import { runService } from '@semcast/service';
import { createReceiver } from './app.js';
import { receiverConfigSchema } from './config.js';

/** For everything that closing takes beside waiting for frames. */
const CLOSE_TIMEOUT_MS = 10_000;

/** Run a receiver as a process, as `semcast receiver` does: {@link runService}. */
export async function runReceiver(flags: Readonly<Record<string, unknown>>): Promise<void> {
  await runService(
    {
      name: 'receiver',
      schema: receiverConfigSchema,
      create: createReceiver,
      closeTimeoutMs: ({ drainMs }) => drainMs + CLOSE_TIMEOUT_MS,
      follow: (service, process) => {
        void service.failed.then(process.end);
      },
    },
    flags,
  );
}
