import { describeError, redactUrls } from '@semcast/core';
import { LiveState } from './live-state.js';
import { type FeedAnswerOf, type LiveService } from '@semcast/console-messages';
import type { EventLog, HttpServer, Logger } from '@semcast/service';
import { askService } from './ask.js';
import type { ConsoleConfig } from './config.js';
import { addControlRoutes } from './control-routes.js';
import { addPageRoutes } from './page-routes.js';
import { readPage } from './page-files.js';
import { servePages } from './page-sockets.js';
import { PictureCache } from './picture-cache.js';
import { readFeed } from './read-feed.js';

export interface ConsoleServerOptions {
  /** Where the console is served; before it listens. */
  readonly http: HttpServer;
  readonly config: ConsoleConfig;
  /** HTTP side of the receiver; a function, because a receiver knows its own address only when it listens. */
  readonly receiverUrl: () => string;
  readonly logger: Logger;
  /** Where `service-away` and `service-back` are recorded. Default: only in the log. */
  readonly events?: EventLog | undefined;
  /** Folder of the built page. Default: apps/console/dist. */
  readonly pageDir?: string | undefined;
}

/** A console that is served. */
export type ConsoleServer = Awaited<ReturnType<typeof createConsoleServer>>;

/** Pages are told this often: a slider that moves wants its answer at once. */
const TELL_MS = 80;
const TICK_MS = 1000;
/** Reading goes on so long after the last page has left: one that is loaded anew finds its curves. */
const LINGER_MS = 60_000;
const PICTURE_TIMEOUT_MS = 10_000;

/**
 * Serve the console on an HTTP server: the page at `/`, its live data at the WebSocket `/live`, pictures, and controls
 * that are forwarded to the services. A page talks to this server alone, wherever the services are.
 *
 * The services are read while somebody looks, so a console that nobody looks at costs nothing; their feeds tell what
 * happened shortly before.
 */
export async function createConsoleServer(options: ConsoleServerOptions) {
  const { http, config, logger } = options;
  const urlOf: Readonly<Record<LiveService, () => string>> = {
    transmitter: () => config.transmitterUrl,
    channel: () => config.channelUrl,
    receiver: options.receiverUrl,
  };
  const page = await readPage(options.pageDir);
  if (page === undefined) {
    logger.warn('the console page has not been built (npm run build does it): only its data is served');
  }
  const state = new LiveState({
    urls: {
      transmitter: redactUrls(config.transmitterUrl),
      channel: redactUrls(config.channelUrl),
      receiver: 'this process',
    },
    needsToken: config.controlToken !== undefined,
  });
  const pictures = new PictureCache({
    state,
    maxBytes: config.maxPictureBytes,
    fetchPicture: (frame, stage, signal) =>
      askService('transmitter', new URL(`/pictures/${frame}/${stage}`, config.transmitterUrl), {
        timeoutMs: PICTURE_TIMEOUT_MS,
        maxBytes: config.maxPictureBytes,
        signal,
      }),
  });
  let reading: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined;
  let lingering: NodeJS.Timeout | undefined;

  const note = (service: LiveService, error: unknown): void => {
    const message = error === null ? null : describeError(error);
    const nowMs = Date.now();
    if (!state.noteService(service, message, nowMs)) {
      return;
    }
    const event = {
      event: message === null ? 'service-back' : 'service-away',
      level: message === null ? 'info' : 'warn',
      message: message === null ? `the ${service} is back` : `the ${service} is away: ${message}`,
    } as const;
    state.addOwnEvent(event, nowMs);
    if (options.events === undefined) {
      logger[event.level]({ event: event.event }, event.message);
    } else {
      options.events.record(event);
    }
  };

  const read = <Service extends LiveService>(
    service: Service,
    signal: AbortSignal,
    apply: (answer: FeedAnswerOf<Service>, nowMs: number) => void,
  ): Promise<void> =>
    readFeed({
      service,
      url: urlOf[service](),
      signal,
      onAnswer: (answer) => {
        note(service, null);
        apply(answer, Date.now());
      },
      onAway: (error) => {
        note(service, error);
      },
    });

  const begin = (): void => {
    clearTimeout(lingering);
    if (reading !== undefined) {
      return;
    }
    const stop = new AbortController();
    const { signal } = stop;
    let boot: string | undefined;
    const ended = Promise.all([
      read('transmitter', signal, (answer, nowMs) => {
        if (boot !== answer.boot) {
          pictures.reset();
        }
        boot = answer.boot;
        state.applyTransmitter(answer, nowMs);
        tellPictures(pictures, answer);
      }),
      read('channel', signal, (answer, nowMs) => {
        state.applyChannel(answer, nowMs);
      }),
      read('receiver', signal, (answer, nowMs) => {
        state.applyReceiver(answer, nowMs);
        for (const { fact } of answer.items) {
          if (fact.kind === 'residual' && fact.stream === state.sections.transmitter?.stream) {
            pictures.noteResidual(fact);
          }
        }
      }),
    ]);
    const telling = setInterval(() => {
      sockets.tell();
    }, TELL_MS);
    const ticking = setInterval(() => {
      state.tick(Date.now());
    }, TICK_MS);
    signal.addEventListener('abort', () => {
      clearInterval(telling);
      clearInterval(ticking);
    });
    reading = { stop, ended };
  };

  const end = async (): Promise<void> => {
    clearTimeout(lingering);
    const ending = reading;
    reading = undefined;
    ending?.stop.abort();
    await ending?.ended;
  };

  const sockets = servePages({
    upgrades: http.upgrades,
    state,
    maxPages: config.maxPages,
    maxPagesPerAddress: config.maxPagesPerAddress,
    onWatched: (watched) => {
      if (watched) {
        begin();
        return;
      }
      clearTimeout(lingering);
      lingering = setTimeout(() => void end(), LINGER_MS);
      lingering.unref();
    },
  });
  addPageRoutes(http, { page, pictures });
  addControlRoutes(http, { config, receiverUrl: options.receiverUrl });

  return {
    /** Pages that look. */
    get pages(): number {
      return sockets.pages;
    },
    /** Say goodbye to the pages and stop reading. Before the HTTP server is closed. */
    close: async (): Promise<void> => {
      await sockets.close();
      await end();
      await pictures.close();
    },
  };
}

function tellPictures(pictures: PictureCache, { items }: FeedAnswerOf<'transmitter'>): void {
  for (const { fact } of items) {
    if (fact.kind === 'partial') {
      pictures.notePartial(fact);
    } else if (fact.kind === 'measured') {
      pictures.noteMeasured(fact);
    } else if (fact.kind === 'completed') {
      pictures.noteCompleted(fact);
    } else if (fact.kind === 'companion') {
      pictures.noteCompanion(fact);
    } else if (fact.kind === 'dropped') {
      pictures.noteDropped(fact.frame, fact.reason === 'superseded');
    }
  }
}
