import { describe, expect, it } from 'vitest';
import { symbols } from '../test/conformance.js';
import { bytesOf } from '../test/statistics.js';
import { ChannelConfigError, createChannel, parseChannelConfig, type ImpairedFrame } from './index.js';

describe('parseChannelConfig', () => {
  it('makes AWGN at 10 dB of nothing', () => {
    expect(parseChannelConfig({})).toEqual({
      model: { name: 'awgn' },
      snr: { name: 'constant', snrDb: 10 },
      loss: 0,
      seed: 0,
      noiseReference: 'nominal',
      impairments: [],
      sampleRateHz: 10e6,
    });
  });

  it('fills in the options of a model and of a schedule', () => {
    const config = parseChannelConfig({ model: { name: 'rician-block', kFactorDb: 3 }, snr: { name: 'linear' } });
    expect(config.model).toEqual({ name: 'rician-block', kFactorDb: 3, coherence: 256 });
    expect(config.snr).toEqual({ name: 'linear', fromDb: 20, toDb: 0, frames: 200, atEnd: 'hold' });
  });

  it.each<[unknown, RegExp]>([
    [null, /expected object/i],
    [{ modle: {} }, /modle/],
    [{ model: 'awgn' }, /model/],
    [{ model: { name: 'nakagami' } }, /'awgn' \| 'rayleigh-slow'[\s\S]*model.name/],
    [{ model: { name: 'awgn', coherence: 4 } }, /coherence/],
    [{ model: { name: 'rayleigh-block', coherence: 0 } }, /model.coherence/],
    [{ model: { name: 'rayleigh-block', coherence: 1.5 } }, /model.coherence/],
    [{ model: { name: 'rayleigh-block', coherence: 2 ** 24 + 1 } }, /model.coherence/],
    [{ model: { name: 'rician-slow', kFactorDb: 41 } }, /model.kFactorDb/],
    [{ snr: { name: 'constant', snrDb: '10' } }, /snr.snrDb/],
    [{ snr: { name: 'constant', snrDb: 101 } }, /snr.snrDb/],
    [{ snr: 10 }, /snr/],
    [{ loss: 1.01 }, /loss/],
    [{ loss: -0.01 }, /loss/],
    [{ seed: -1 }, /seed/],
    [{ seed: 2 ** 53 }, /seed/],
    [{ noiseReference: 'peak' }, /noiseReference/],
  ])('refuses %j and names the key', (value, message) => {
    expect(() => parseChannelConfig(value)).toThrow(ChannelConfigError);
    expect(() => parseChannelConfig(value)).toThrow(message);
  });

  it('takes the limits themselves', () => {
    const extremes = {
      model: { name: 'rayleigh-block', coherence: 2 ** 24 },
      snr: { name: 'constant', snrDb: -50 },
      loss: 1,
      seed: Number.MAX_SAFE_INTEGER,
      noiseReference: 'received',
      impairments: [],
      sampleRateHz: 1e12,
    };
    expect(parseChannelConfig(extremes)).toEqual(extremes);
  });
});

describe('createChannel', () => {
  it('gives each frame the SNR of its schedule', () => {
    const channel = createChannel(
      parseChannelConfig({ snr: { name: 'trace', csv: 'snr_db\n3\n13\n' }, noiseReference: 'nominal' }),
    );
    const at = (frame: number) => channel.impairFrame(symbols(8), { stream: 'a', frame }) as ImpairedFrame;
    expect(channel.snrDbAt({ stream: 'a', frame: 1 })).toBe(13);
    expect([at(0).snrDb, at(1).snrDb]).toEqual([3, 13]);
    expect(at(0).channel.noiseVariance).toBeCloseTo(10 ** -0.3, 12);
    expect(at(1).channel.noiseVariance).toBeCloseTo(10 ** -1.3, 12);
  });

  it('hands seed, loss and noise reference on', () => {
    const id = { stream: 'a', frame: 0 };
    const of = (config: object) => createChannel(parseChannelConfig(config)).impairFrame(symbols(8), id);
    expect(of({ loss: 1 })).toEqual({ lost: true });
    expect(bytesOf((of({ seed: 1 }) as ImpairedFrame).samples)).not.toBe(
      bytesOf((of({ seed: 2 }) as ImpairedFrame).samples),
    );
    expect((of({ noiseReference: 'measured' }) as ImpairedFrame).measuredSnrDb).toBeCloseTo(10, 9);
  });

  it('two channels of one configuration are one channel: a restart changes nothing', () => {
    const config = parseChannelConfig({ model: { name: 'rician-block' }, snr: { name: 'random-walk' }, seed: 99 });
    const before = createChannel(config).impairFrame(symbols(500), { stream: 'a', frame: 7 }) as ImpairedFrame;
    const after = createChannel(JSON.parse(JSON.stringify(config)) as typeof config).impairFrame(symbols(500), {
      stream: 'a',
      frame: 7,
    }) as ImpairedFrame;
    expect(bytesOf(after.samples)).toBe(bytesOf(before.samples));
  });

  it('gives the recorded samples: what was drawn last month is drawn today', () => {
    const config = { model: { name: 'rician-block', coherence: 2 }, snr: { name: 'random-walk' }, seed: 2 ** 40 + 1 };
    const received = createChannel(parseChannelConfig(config)).impairFrame(Float32Array.of(1, 0, 0, 1, -1, 0), {
      stream: 'cam-1',
      frame: 2 ** 33 + 3,
    }) as ImpairedFrame;
    expect({
      samples: bytesOf(received.samples),
      gains: bytesOf(received.channel.taps![0]!.gains.values),
      snrDb: received.snrDb,
    }).toMatchInlineSnapshot(`
      {
        "gains": "Z6g7vuCmlb9h8SM/XhhAvg==",
        "samples": "4+N5vkkdn79atJA/b1BSvjngF7+EdR0+",
        "snrDb": 18.12260385361151,
      }
    `);
  });
});
