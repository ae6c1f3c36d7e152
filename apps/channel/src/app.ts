import {
  addFeedRoute,
  createHttpServer,
  createLogger,
  createMetrics,
  warnOfOpenDoors,
  type Logger,
  type Metrics,
} from '@semcast/service';
import type { ChannelConfig } from '@semcast/channel-models';
import { serveLinks, SharedBytes, type ServerSession } from '@semcast/wire';
import { createChannelControl, initialChannelConfig, type ChannelState } from './channel-control.js';
import type { ChannelServiceConfig } from './config.js';
import { addChannelRoutes } from './http-routes.js';
import { ChannelLive } from './live.js';
import { probeReceiver } from './receiver-probe.js';
import { IqPublisher } from './recording/iq-publisher.js';
import { Recorder } from './recording/recorder.js';
import { Relay, type RelayServices } from './relay.js';

/** A running channel emulator. */
export interface ChannelService {
  /** `http://127.0.0.1:7401` */
  readonly httpUrl: string;
  /** `ws://127.0.0.1:7401`: what transmitters connect to. */
  readonly wsUrl: string;
  readonly metrics: Metrics<'channel'>;
  /** The channel in force, as `GET /channel` tells it. */
  state(): ChannelState;
  /** Change the channel from the next frame on, as `PUT /channel` does. @throws ChannelUpdateError */
  update(change: unknown): ChannelState;
  /** Called with the whole configuration after every change, whoever made it. */
  onChange(listener: (config: ChannelConfig) => void): void;
  /** End all links (transmitters are told to try again), then stop listening. */
  close(): Promise<void>;
}

/**
 * Start a channel emulator: build it from a validated configuration and listen.
 *
 * It starts without a receiver, too: /readyz then says so, and transmitters are told to try again.
 *
 * @throws SemcastError when a port is busy, the trace file can't be read or recordings can't be written
 */
export async function createChannelService(
  config: ChannelServiceConfig,
  options: { readonly logger?: Logger } = {},
): Promise<ChannelService> {
  const logger = options.logger ?? createLogger({ service: 'channel', level: config.logLevel });
  const metrics = createMetrics('channel');
  const control = createChannelControl(await initialChannelConfig(config));
  const live = new ChannelLive({ logger, metrics });
  control.onChange(() => {
    live.tellChange(control.state());
  });
  const recorder =
    config.record === undefined
      ? undefined
      : await Recorder.open({
          config: config.record,
          channel: () => control.channel.config,
          onFinished: (stream, end) => live.tellRecorded(stream, end),
          onIncomplete: (stream, why) => live.tellRecordingIncomplete(stream, why),
          onAdopted: (adopted) => live.tellAdopted(adopted),
        });
  const publisher = config.publish === undefined ? undefined : await IqPublisher.open(config.publish);
  if (publisher !== undefined) {
    logger.info({ ...config.publish, port: publisher.port }, 'samples are published');
  }
  let closing = false;

  const http = await createHttpServer({
    ...config,
    service: 'channel',
    metrics,
    logger,
    ready: () => {
      const reasons = closing ? ['the channel is shutting down'] : [];
      if (probe.problem !== undefined) {
        reasons.push(`the receiver at ${config.receiverUrl} is away: ${probe.problem}`);
      }
      return { ready: reasons.length === 0, reasons };
    },
  });
  const probe = probeReceiver({
    url: config.receiverUrl,
    intervalMs: config.probeIntervalMs,
    onFound: (problem) => {
      live.tellReceiver(problem);
    },
  });
  addChannelRoutes(http, control, config.controlToken);
  addFeedRoute(http, { feed: live.feed, status: () => live.status(control.state(), config.receiverUrl, relays.size) });

  const socket = {
    maxPayloadBytes: config.maxPayloadBytes,
    maxUnfinishedBytes: config.maxUnfinishedBytes,
    keepAliveMs: config.pingIntervalMs,
    onTraffic: (direction: 'in' | 'out', bytes: number): void => {
      metrics.wireBytes.inc({ direction }, bytes);
    },
  };
  const services: RelayServices = {
    receiverUrl: config.receiverUrl,
    receiverToken: config.receiverToken,
    maxBufferedBytes: config.maxBufferedBytes,
    // One frame has room at least.
    unread: new SharedBytes(Math.max(config.maxUnreadBytes, config.maxPayloadBytes)),
    socket: { ...socket, handshakeTimeoutMs: config.helloTimeoutMs },
    control,
    metrics,
    live,
    recorder,
    publisher,
    logger,
    onReceiver: (problem) => {
      probe.note(problem);
    },
  };
  const relays = new Map<ServerSession, Relay>();
  const links = serveLinks({
    ...socket,
    upgrades: http.upgrades,
    maxUnreadBytes: config.maxUnreadBytes,
    token: config.token,
    helloTimeoutMs: config.helloTimeoutMs,
    maxSessions: config.maxSessions,
    welcome: async (hello, session) => {
      const relay = await Relay.open(hello, session, services);
      relays.set(session, relay);
      session.on('close', () => {
        relays.delete(session);
        metrics.sessions.set(relays.size);
      });
      const { protocol: _, ...welcome } = relay.welcome;
      const maxPayloadBytes = Math.min(config.maxPayloadBytes, welcome.limits.maxPayloadBytes);
      return { ...welcome, limits: { ...welcome.limits, maxPayloadBytes } };
    },
    onSession: (session) => {
      relays.get(session)?.begin();
      metrics.sessions.set(relays.size);
    },
    onRefused: ({ error, remoteAddress, stream }) => {
      logger.warn({ code: error.code, remoteAddress, stream }, error.message);
    },
    onFailure: (error, session) => {
      logger.error({ err: error, stream: session.hello.stream }, 'a session failed');
    },
  });

  async function close(): Promise<void> {
    closing = true;
    // Transmitters first: ending the receiver's side first would make each of them hear that the receiver is away.
    await links.close();
    await recorder?.close();
    await publisher?.close();
    probe.close();
    await http.close();
  }

  try {
    const address = await http.listen();
    const { model, snr, loss } = control.state();
    warnOfOpenDoors(logger, config.host, {
      token: { token: config.token, allows: 'send frames' },
      controlToken: { token: config.controlToken, allows: 'change the channel' },
    });
    logger.info({ url: address.wsUrl, receiver: config.receiverUrl, model, snr: snr.name, loss }, 'channel listens');
    return {
      httpUrl: address.url,
      wsUrl: address.wsUrl,
      metrics,
      state: () => control.state(),
      update: (change) => control.update(change),
      onChange: (listener) => {
        control.onChange(listener);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
