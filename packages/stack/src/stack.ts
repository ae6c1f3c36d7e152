import {
  createChannelService,
  channelServiceConfigSchema,
  type ChannelService,
  type ChannelServiceConfigInput,
} from '@semcast/channel';
import {
  createReceiver,
  receiverConfigSchema,
  type ReceiverConfigInput,
  type ReceiverService,
} from '@semcast/receiver';
import { createLogger, type Logger } from '@semcast/service';
import {
  createTransmitter,
  openEncoder,
  type FrameEncoder,
  type TransmitterConfigInput,
  type TransmitterService,
} from '@semcast/transmitter';

export interface StackOptions {
  readonly receiver?: ReceiverConfigInput;
  readonly channel?: ChannelServiceConfigInput;
  /** Default: none at all. */
  readonly logger?: Logger;
}

/** Receiver and channel on free ports of this process, and transmitters to them on demand. */
export interface Stack {
  readonly receiver: ReceiverService;
  readonly channel: ChannelService;
  /** A transmitter that sends only what is submitted to it, unless `source` says otherwise. Closed with the stack. */
  transmitter(input?: TransmitterConfigInput): Promise<TransmitterService>;
  /** Close everything: transmitters, then the channel, then the receiver. */
  close(): Promise<void>;
}

/** Start the services within this process, on port 0. What had been started is closed again when one can't. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const logger = options.logger ?? createLogger({ service: 'testkit', level: 'silent' });
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of opened.splice(0).toReversed()) {
      await end();
    }
  };
  try {
    const receiver = await createReceiver(receiverConfigSchema.parse({ port: 0, ...options.receiver }), { logger });
    opened.push(async () => await receiver.close());
    const channel = await createChannelService(
      channelServiceConfigSchema.parse({ port: 0, receiverUrl: receiver.wsUrl, ...options.channel }),
      { logger },
    );
    opened.push(async () => await channel.close());
    // Loading the networks is most of a transmitter's start; those of one stack share them.
    let encoder: Promise<FrameEncoder> | undefined;
    const sharedEncoder = async (): Promise<FrameEncoder> => {
      encoder ??= openEncoder({
        dir: options.receiver?.bundle,
        device: 'cpu',
        workers: 1,
        maxQueue: 256,
        maxImagePixels: Number.MAX_SAFE_INTEGER,
        onRun: () => {},
        onWarning: (message) => logger.warn(message),
      });
      const loaded = await encoder;
      return { ...loaded, close: async () => {} };
    };
    opened.push(async () => await (await encoder)?.close());
    return {
      receiver,
      channel,
      transmitter: async (input = {}) => {
        const transmitter = await createTransmitter(
          { to: channel.wsUrl, port: 0, source: [], ...input },
          { logger, encoder: await sharedEncoder() },
        );
        opened.push(async () => await transmitter.close());
        return transmitter;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
