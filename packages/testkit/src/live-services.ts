import type { ChannelFact, ReceiverFact, ResponseFact, ScopeFact, TransmitterFact } from '@semcast/console-messages';
import {
  acceptPictures,
  addFeedRoute,
  createHttpServer,
  createLogger,
  HttpError,
  LiveFeed,
  type HttpServer,
} from '@semcast/service';

export interface EmittedFrame {
  readonly steps?: number;
  readonly snrDb?: number;
  /** Over two paths, on carriers; else over one of gain 1, by a single carrier. */
  readonly selective?: boolean;
}

/** The live side of three services without anything behind it: what a console reads, at whatever rate a test wants. */
export interface LiveServices {
  readonly transmitterUrl: string;
  readonly channelUrl: string;
  readonly receiverUrl: string;
  readonly transmitter: LiveFeed<TransmitterFact>;
  readonly channel: LiveFeed<ChannelFact>;
  readonly receiver: LiveFeed<ReceiverFact>;
  /** Bodies of PUT /stream and PUT /channel, with their authorization, in order. */
  readonly changes: readonly { readonly path: string; readonly body: unknown; readonly authorization?: string }[];
  /** Pictures that were asked for: `7/final`. */
  readonly asked: readonly string[];
  /** A frame goes through: everything that the services tell of it. */
  emitFrame(frame: number, options?: EmittedFrame): void;
  /** Close one service, as if it had crashed. */
  stop(service: 'transmitter' | 'channel' | 'receiver'): Promise<void>;
  close(): Promise<void>;
}

export interface LiveServicesOptions {
  /** A PNG file, served as every picture. */
  readonly picture: Uint8Array;
  readonly width?: number;
  readonly height?: number;
}

const STREAM = 'demo';
const POINTS = 400;

/** Start them on free ports. */
export async function startLiveServices(options: LiveServicesOptions): Promise<LiveServices> {
  const { picture, width = 64, height = 64 } = options;
  const feeds = {
    transmitter: new LiveFeed<TransmitterFact>(),
    channel: new LiveFeed<ChannelFact>(),
    receiver: new LiveFeed<ReceiverFact>(),
  };
  const changes: { path: string; body: unknown; authorization?: string }[] = [];
  const asked: string[] = [];
  let completed = 0;
  let digital = 'off';
  let snrDb = 10;
  const logger = createLogger({ service: 'testkit', level: 'silent' });
  const serve = async (
    service: keyof typeof feeds,
    status: () => object,
    addRoutes: (http: HttpServer) => void,
  ): Promise<{ readonly url: string; close(): Promise<void> }> => {
    const http = await createHttpServer({
      service,
      host: '127.0.0.1',
      port: 0,
      logger,
      ready: () => ({ ready: true, reasons: [] }),
      closeGraceMs: 0,
    });
    addFeedRoute<unknown>(http, { feed: feeds[service], status });
    addRoutes(http);
    const { url } = await http.listen();
    return { url, close: () => http.close() };
  };
  const takeChange = ({ app }: HttpServer, path: string): void => {
    app.put(path, ({ body, headers: { authorization } }) => {
      changes.push({ path, body, ...(authorization === undefined ? {} : { authorization }) });
      if (typeof body === 'object' && body !== null && 'refuse' in body) {
        throw new HttpError(400, 'E_ARGUMENT', 'this is refused', 'ask for something else');
      }
      ({ digital = digital } = body as { readonly digital?: string });
      return {};
    });
  };
  const services = {
    transmitter: await serve(
      'transmitter',
      () => ({
        stream: STREAM,
        to: 'ws://127.0.0.1:1',
        link: { state: 'open' },
        settings: {
          decoder: 'jscc',
          decoderOptions: {},
          cbr: '1/24',
          waveform: 'ofdm',
          waveformOptions: { prefix: 8 },
          digital,
          fps: 10,
          latest: true,
          photo: null,
          paused: false,
        },
        waveforms: {
          'single-carrier': { type: 'object', properties: {} },
          ofdm: { type: 'object', properties: { prefix: { type: 'integer', default: 16 } } },
        },
        csi: 'genie',
        rates: ['1/48', '1/24'],
        photographs: PHOTOGRAPHS,
        decoders: ['jscc'],
        frames: { completed, dropped: 0, inFlight: 1, queued: 0 },
        wireBytes: { in: 1000 * completed, out: 9000 * completed },
      }),
      (http) => {
        takeChange(http, '/stream');
        acceptPictures(http.app);
        http.app.post<{ Querystring: { name: string } }>('/photos', ({ body, query }) => {
          changes.push({ path: '/photos', body: { name: query.name, bytes: (body as Buffer).length } });
          return { photo: `your-${query.name}` };
        });
        http.app.post('/stream/refresh', (_, reply) => reply.code(204).send());
        http.app.get<{ Params: { frame: string; stage: string } }>('/pictures/:frame/:stage', ({ params }, reply) => {
          asked.push(`${params.frame}/${params.stage}`);
          return reply.type('image/png').send(Buffer.from(picture));
        });
      },
    ),
    channel: await serve(
      'channel',
      () => ({
        model: { name: 'awgn' },
        impairments: [{ name: 'adc', bits: 8 }],
        snr: { name: 'constant', snrDb },
        snrDb,
        loss: 0,
        seed: 0,
        sampleRateHz: 10e6,
        noiseReference: 'nominal',
        receiverUrl: 'ws://127.0.0.1:1',
        receiverProblem: null,
        sessions: 1,
        frames: { forwarded: completed, dropped: 0 },
        channelUses: 8192 * completed,
        models: { awgn: { type: 'object', properties: {} } },
        impairmentChoices: {
          adc: { type: 'object', properties: { bits: { type: 'integer', default: 8 } } },
          cfo: { type: 'object', properties: { offsetHz: { type: 'number', default: 100 } } },
        },
        presets: { pedestrian: 'on foot' },
        schedules: { constant: { type: 'object', properties: { snrDb: { type: 'number', default: 10 } } } },
      }),
      (http) => {
        takeChange(http, '/channel');
      },
    ),
    receiver: await serve(
      'receiver',
      () => ({
        decoders: [
          {
            name: 'jscc',
            summary: 'one pass',
            samples: false,
            options: {
              type: 'object',
              properties: { realism: { type: 'number', minimum: 0, maximum: 1, default: 1 } },
            },
          },
        ],
        bundle: { name: 'test', version: '1', digest: 'd', csnrDb: { min: 0, max: 20 } },
        device: 'cpu',
        workers: 1,
        queue: { waiting: 0, decoding: 1 },
        streams: [{ stream: STREAM, agent: 'test', role: 'transmitter', csi: 'genie', remoteAddress: '127.0.0.1' }],
      }),
      ({ app }) => {
        app.post('/decoders/check', ({ body }) => {
          if (JSON.stringify(body).includes('wrong')) {
            throw new HttpError(400, 'E_ARGUMENT', 'these options are wrong', 'leave them out');
          }
          return {};
        });
      },
    ),
  };

  return {
    transmitterUrl: services.transmitter.url,
    channelUrl: services.channel.url,
    receiverUrl: services.receiver.url,
    ...feeds,
    changes,
    asked,
    emitFrame: (frame, { steps = 0, snrDb: given = 10, selective = false } = {}) => {
      snrDb = given;
      const csnrDb = { configured: given, effective: given, estimated: null };
      const about = {
        frame,
        name: PHOTOGRAPHS[frame % PHOTOGRAPHS.length]!,
        width,
        height,
        decoder: steps === 0 ? 'jscc' : 'diffcom',
        csnrDb,
        supersedes: false,
      };
      if (steps > 0) {
        feeds.transmitter.push({ kind: 'partial', ...about, stage: 'preview', steps: 0, endToEndMs: 60 });
        feeds.transmitter.push({ kind: 'measured', frame, figures: { psnrDb: 19 + given / 2, contrast: 0.9 } });
        const half = Math.ceil(steps / 2);
        feeds.transmitter.push({ kind: 'partial', ...about, stage: 'intermediate', steps: half, endToEndMs: 80 });
      }
      const timingsMs = { queue: 1, preview: 20, decode: 30, total: 40 };
      feeds.receiver.push({
        kind: 'decoded',
        stream: STREAM,
        frame,
        decoder: about.decoder,
        csi: 'genie',
        steps,
        residual: null,
        csnrDb,
        timingsMs,
        queueDepth: frame % 4,
        batchSize: 1,
      });
      feeds.receiver.push({ kind: 'residual', stream: STREAM, frame, decoder: about.decoder, residual: 1 });
      feeds.channel.push(responseAt(frame, selective), { replaces: 'response' });
      feeds.receiver.push(scopeAt(frame, given, selective), { replaces: 'scope' });
      completed++;
      feeds.transmitter.push({
        kind: 'completed',
        ...about,
        cbr: '1/24',
        channelUses: 8192,
        decoderOptions: {},
        waveform: 'ofdm',
        waveformOptions: { prefix: 8 },
        steps,
        reducedSteps: false,
        figures: { psnrDb: 20 + given / 2 + Math.sin(frame), ssim: 0.9, msSsim: 0.95, contrast: 0.97 },
        previewPsnrDb: steps === 0 ? null : 19 + given / 2,
        residual: null,
        endToEndMs: 100,
        previewLatencyMs: steps === 0 ? null : 60,
        decodeMs: 30,
        timingsMs: { read: 5, encode: 20, credit: 1, air: 60 },
      });
    },
    stop: (service) => services[service].close(),
    close: async () => {
      await Promise.all(Object.values(services).map((service) => service.close()));
    },
  };
}

const PHOTOGRAPHS = Array.from({ length: 9 }, (_, i) => `photo-${i}.jpg`);
const FREQUENCIES = Array.from({ length: 64 }, (_, i) => i / 64 - 1 / 2);

/** |1 + 0.5·e^(-i2πf)|², in dB. */
const gainsDb = FREQUENCIES.map((f) => 10 * Math.log10(1.25 + Math.cos(2 * Math.PI * f)));

function responseAt(frame: number, selective: boolean): ResponseFact {
  const gainDb = selective ? gainsDb : FREQUENCIES.map(() => 0);
  const paths = [
    { delay: 0, powerDb: 0 },
    { delay: 1, powerDb: -6 },
  ];
  return {
    kind: 'response',
    stream: STREAM,
    frame,
    gainDb,
    gainOverFrameDb: null,
    taps: selective ? paths : paths.slice(0, 1),
    spectrumDb: gainDb,
  };
}

function scopeAt(frame: number, snrDb: number, selective: boolean): ScopeFact {
  const received = Array.from({ length: 2 * POINTS }, (_, i) => Math.sin(i * (frame + 1)) * (1 + 10 ** (-snrDb / 10)));
  return {
    kind: 'scope',
    stream: STREAM,
    frame,
    received,
    equalised: received,
    source: selective ? 'estimated' : 'told',
    gainDb: null,
    carriers: selective ? { frequencies: FREQUENCIES, gainDb: gainsDb.map((db) => db - 3) } : null,
    samples: 8192,
    snrDb,
    noiseVariance: 10 ** (-snrDb / 10),
    effectiveSnrDb: snrDb,
    estimatedSnrDb: null,
  };
}
