/** One valid head of each kind, and pieces to build others from. */
import type { FrameHead, Heads, ResultHead } from '../src/heads.js';
import { PROTOCOL_VERSION } from '../src/limits.js';
import type { HelloInput } from '../src/link-types.js';

export const helloInput: HelloInput = {
  stream: 'cam-1',
  role: 'transmitter',
  agent: 'semcast/0.1',
  decoder: 'jscc',
  csi: 'none',
  sampleFormat: 'cf32_le',
  result: { format: 'png' },
};

export const frameHead: FrameHead = {
  stream: 'cam-1',
  frame: 0,
  width: 64,
  height: 48,
  cbr: '1/24',
  channelUses: 2,
  designCsnrDb: 10,
  decoder: 'jscc',
  csi: 'none',
  waveform: 'single-carrier',
  interleaved: true,
  samples: { format: 'cf32_le', count: 2 },
  bundleDigest: 'd1',
};

export const resultHead: ResultHead = {
  stream: 'cam-1',
  frame: 0,
  stage: 'final',
  decoder: 'jscc',
  image: { format: 'png', width: 64, height: 48 },
  steps: 0,
  csnrDb: { configured: 10, measured: 9.5, estimated: null },
  residual: 1.25,
  timingsMs: { queue: 0.5, preview: 0, decode: 12.5, total: 13 },
};

export const welcome = {
  credits: 4,
  limits: { maxPayloadBytes: 1_000_000, maxImagePixels: 16_777_216 },
  decoders: ['jscc'],
  bundle: { name: 'natural', version: '1.0.0', digest: 'd1' },
};

export const heads: Heads = {
  hello: { ...helloInput, protocol: PROTOCOL_VERSION, run: 'run-1', attempt: 1 },
  welcome: { ...welcome, protocol: PROTOCOL_VERSION },
  frame: frameHead,
  result: resultHead,
  drop: { stream: 'cam-1', frame: 7, reason: 'channel-loss', detail: '' },
  ack: { stream: 'cam-1', frame: 7 },
  credit: { credits: 3 },
  error: { code: 'E_TOKEN', message: "the hello's token is wrong", remedy: 'give both ends the same token' },
  bye: { stream: 'cam-1' },
};

/** The head of a frame with this many samples, cf32. */
export function frameHeadWith(frame: number, count: number, change: Partial<FrameHead> = {}): FrameHead {
  return { ...frameHead, frame, channelUses: count, samples: { format: 'cf32_le', count }, ...change };
}
