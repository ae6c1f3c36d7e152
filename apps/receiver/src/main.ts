import { runService } from '@semcast/service';
import { createReceiver } from './app.js';
import { receiverConfigSchema } from './config.js';

/** Run a receiver as a process, as `semcast receiver` does: {@link runService}. */
export async function runReceiver(flags: Readonly<Record<string, unknown>>): Promise<void> {
  await runService(
    {
      name: 'receiver',
      schema: receiverConfigSchema,
      create: createReceiver,
      follow: (service, process) => {
        void service.failed.then(process.end);
      },
    },
    flags,
  );
}
