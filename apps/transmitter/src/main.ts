import { runService, type ServiceProcess } from '@semcast/service';
import { createTransmitter, type TransmitterService } from './app.js';
import { transmitterConfigSchema, type TransmitterConfig } from './config.js';
import { summariseOutcome, summarisePreview, type OutcomeSummary, type PreviewSummary } from './outcome.js';
import { summariseLink, type LinkSummary } from './status.js';
import type { StreamSettings } from './stream-control.js';
import type { StreamTotals } from './transmitter.js';

/** Messages of a forked transmitter to its parent. */
export type TransmitterMessage =
  | { readonly type: 'ready'; readonly httpUrl: string; readonly stream: string }
  | { readonly type: 'state'; readonly link: LinkSummary }
  /** A preview or an intermediate picture came; while it is stored, its bytes are at `/pictures/FRAME/STAGE`. */
  | { readonly type: 'preview'; readonly preview: PreviewSummary }
  | { readonly type: 'outcome'; readonly outcome: OutcomeSummary }
  /** Decoder, rate, pace or pause were changed while frames flow. */
  | { readonly type: 'settings'; readonly settings: StreamSettings }
  /** The last frame of the source has its outcome; the process ends unless `stayUp`. */
  | { readonly type: 'finished'; readonly totals: StreamTotals };

/** For everything that closing takes beside waiting for frames. */
const CLOSE_TIMEOUT_MS = 8000;

/**
 * Run a transmitter as a process, as `semcast transmitter` does: {@link runService}. It also ends after the last
 * photograph, unless `stayUp`, and exits with 1 when it can't go on.
 */
export async function runTransmitter(flags: Readonly<Record<string, unknown>>): Promise<void> {
  await runService(
    {
      name: 'transmitter',
      schema: transmitterConfigSchema,
      create: createTransmitter,
      closeTimeoutMs: ({ drainMs }) => drainMs + CLOSE_TIMEOUT_MS,
      follow: (service, process) => {
        reportToParent(service, process);
        void service.failed.then(process.end);
        void endWhenFinished(service, process);
      },
    },
    flags,
  );
}

async function endWhenFinished(
  service: TransmitterService,
  { config, logger, tell, end }: ServiceProcess<TransmitterConfig>,
): Promise<void> {
  const totals = await service.finished;
  logger.info({ ...totals }, 'the source is finished');
  await tell({ type: 'finished', totals } satisfies TransmitterMessage);
  if (!config.stayUp) {
    end();
  }
}

function reportToParent(service: TransmitterService, process: ServiceProcess<TransmitterConfig>): void {
  const tell = (message: TransmitterMessage): void => {
    void process.tell(message);
  };
  service.on('state', (state) => {
    tell({ type: 'state', link: summariseLink(state) });
  });
  service.onSettings((settings) => {
    tell({ type: 'settings', settings });
  });
  service.on('preview', (preview) => {
    tell({ type: 'preview', preview: summarisePreview(preview) });
  });
  service.on('outcome', (outcome) => {
    tell({ type: 'outcome', outcome: summariseOutcome(outcome) });
  });
}
