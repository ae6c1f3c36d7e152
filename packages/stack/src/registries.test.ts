import { fileURLToPath } from 'node:url';
import {
  channelModelNames,
  createSnrSchedule,
  snrScheduleConfigSchema,
  snrScheduleNames,
  type SnrScheduleConfigInput,
  type SnrScheduleName,
} from '@semcast/channel-models';
import { waveformNames } from '@semcast/phy';
import { qualityMetrics } from '@semcast/quality';
import { decoders, type Decoder } from '@semcast/receiver';
import { CSI_MODES, RESULT_FORMATS, SAMPLE_FORMATS } from '@semcast/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendFrames, stackConformance } from './conformance.js';
import { testPicture } from '@semcast/testkit';
import { startStack, type Stack } from './stack.js';

const picture = testPicture(64, 64, 3);

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack.close();
});

describe.each(channelModelNames)('the channel model %s in the services', (name) => {
  const cases = stackConformance({
    stack: () => stack,
    stream: `model-${name}`,
    picture,
    minimumPsnrDb: 10,
    channel: { model: { name }, snr: { name: 'constant', snrDb: 12 } },
  });
  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

// A bundle with all the graphs that any decoder needs, and networks of a few thousand weights.
const samplerBundle = fileURLToPath(new URL('../../bundle/fixtures/posterior-bundle', import.meta.url));
let samplers: Stack;
beforeAll(async () => {
  samplers = await startStack({ receiver: { bundle: samplerBundle } });
});
afterAll(async () => {
  await samplers.close();
});

describe.each(Object.entries<Decoder>(decoders))('the decoder %s in the services', (decoder, { refinement, code }) => {
  const samples = refinement !== undefined;
  const cases = stackConformance({
    stack: () => (samples ? samplers : stack),
    stream: `decoder-${decoder}`,
    picture,
    // Samples of a posterior are farther from the original than its mean is, and those of a toy prior more than others.
    minimumPsnrDb: samples ? 12 : 15,
    showsNoise: code !== 'digital',
    channel: { model: { name: 'awgn' }, snr: { name: 'constant', snrDb: 12 } },
    transmitter: {
      decoder,
      ...(samples ? { decoderOptions: { minSteps: 8, steps: 8 } } : {}),
      // It is for frames whose channel nobody tells.
      ...(decoder === 'blind-diffcom' ? { waveformOptions: { estimator: 'blind' } } : {}),
    },
  });
  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('on white Gaussian noise', () => {
  beforeAll(() => {
    stack.channel.update({ model: { name: 'awgn' } });
  });

  // What can't be made from its name alone is given the least that it needs.
  const least: Partial<Record<SnrScheduleName, SnrScheduleConfigInput>> = {
    trace: { name: 'trace', csv: 'snr_db\n3\n17\n' },
  };
  it.each(snrScheduleNames)('the SNR schedule %s is what frames meet', async (name) => {
    const config = snrScheduleConfigSchema.parse(least[name] ?? { name });
    const snrAt = createSnrSchedule(config);
    stack.channel.update({ snr: config });
    const frames = await sendFrames(stack, picture, { stream: `schedule-${name}`, count: 2 });
    const { seed } = stack.channel.state();
    const expected = frames.map(({ frame, stream }) => snrAt(frame, { seed, stream }));
    expect(frames.map(({ csnrDb }) => csnrDb.configured)).toEqual(expected);
  });

  it.each(waveformNames)('the waveform %s carries pictures', async (waveform) => {
    stack.channel.update({ snrDb: 12 });
    const [frame] = await sendFrames(stack, picture, { stream: `waveform-${waveform}`, waveform });
    expect(frame!.psnrDb).toBeGreaterThan(15);
  });

  it('a picture by OFDM is as good as one by a single carrier, and costs what its samples do', async () => {
    stack.channel.update({ snrDb: 12 });
    const large = testPicture(256, 256, 3);
    const [plain] = await sendFrames(stack, large, { stream: 'plain' });
    const told = { waveform: 'ofdm', waveformOptions: { estimator: 'genie' } } as const;
    const [ofdm] = await sendFrames(stack, large, { stream: 'ofdm-genie', ...told });
    expect(Math.abs(ofdm!.psnrDb - plain!.psnrDb)).toBeLessThan(0.2);
    expect(ofdm!.csnrDb.effective).toBeCloseTo(plain!.csnrDb.effective!, 9);
    // Without an oracle a preamble of 256 carriers says nearly as much.
    const [estimated] = await sendFrames(stack, large, { stream: 'ofdm-pilots', waveform: 'ofdm' });
    expect(Math.abs(estimated!.psnrDb - plain!.psnrDb)).toBeLessThan(0.4);
    expect(estimated!.csnrDb.effective).toBeUndefined();
    expect(Math.abs(estimated!.csnrDb.estimated! - 12)).toBeLessThan(1);
    expect(plain!.cbrWithOverhead).toBe(plain!.channelBandwidthRatio);
    const ofdmSymbols = 1 + Math.ceil(ofdm!.channelUses / 256);
    expect(ofdm!.cbrWithOverhead).toBeCloseTo((ofdmSymbols * 272) / (3 * 256 * 256), 12);
  });

  it.each(SAMPLE_FORMATS)('samples travel as %s', async (sampleFormat) => {
    stack.channel.update({ snrDb: 12 });
    const [frame] = await sendFrames(stack, picture, { stream: `format-${sampleFormat}`, sampleFormat });
    expect(frame!.psnrDb).toBeGreaterThan(15);
  });

  it.each(CSI_MODES)('the receiver knows of the channel: %s', async (csi) => {
    stack.channel.update({ snrDb: 12 });
    const [frame] = await sendFrames(stack, picture, { stream: `csi-${csi}`, csi });
    expect(frame!.psnrDb).toBeGreaterThan(15);
    const { effective, estimated } = frame!.csnrDb;
    const told = csi === 'genie' ? effective : estimated;
    expect(csi === 'genie' ? estimated : (effective ?? null), 'one or the other').toBeNull();
    expect(told).toBeGreaterThan(8);
    expect(told).toBeLessThan(16);
  });

  it.each(RESULT_FORMATS)('pictures come back as %s', async (resultFormat) => {
    stack.channel.update({ snrDb: 12 });
    const [frame] = await sendFrames(stack, picture, { stream: `result-${resultFormat}`, resultFormat });
    expect(frame!.imageFormat).toBe(resultFormat);
    expect(frame!.psnrDb).toBeGreaterThan(15);
  });

  it('every metric of the registry is in the outcome, or null where the picture is too small', async () => {
    stack.channel.update({ snrDb: 12 });
    const [small] = await sendFrames(stack, picture, { stream: 'metrics-small' });
    const [large] = await sendFrames(stack, testPicture(192, 176), { stream: 'metrics-large' });
    for (const [name, { minimumSize }] of Object.entries(qualityMetrics)) {
      const of = (frame: object | undefined) => (frame as Record<string, unknown>)[name];
      expect(of(large), name).toSatisfy(Number.isFinite);
      expect(of(small) === null, name).toBe(minimumSize > 64);
    }
  });
});
