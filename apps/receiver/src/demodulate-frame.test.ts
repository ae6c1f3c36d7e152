import { randomFor, tensor, type ChannelState, type Gains } from '@semcast/core';
import {
  createModem,
  deinterleave,
  deinterleaveReal,
  equalise,
  interleave,
  latentToSymbols,
  symbolsToLatent,
} from '@semcast/phy';
import { iqPayload, type FrameHead } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { csnrFound, demodulateFrame, knowsChannel } from './demodulate-frame.js';
import type { ReceivedFrame } from './receive-frame.js';

const layout = { channels: 8, positions: 6, activeChannels: 4 };

/** Latent values of unit power per complex symbol in the active channels. */
function drawLatent(): Float32Array {
  const latent = new Float32Array(layout.channels * layout.positions);
  const active = latent.subarray(0, layout.activeChannels * layout.positions);
  randomFor({ seed: 1, stream: 's', frame: 0, purpose: 'latent' }).fillNormal(active, Math.SQRT1_2);
  return latent;
}

/** A frame as it came; with channel state where the receiver is told that. */
function received(iq: Float32Array, channel: ChannelState | null, changes: Partial<FrameHead> = {}): ReceivedFrame {
  const { payload, samples, genie } = iqPayload({ samples: iq, channel }, 'cf32_le');
  const head = {
    stream: 's',
    frame: 4,
    width: 6,
    height: 4,
    cbr: '1/2',
    designCsnrDb: 8,
    waveform: 'single-carrier',
    interleaved: false,
    samples,
    channelUses: 12,
    ...(channel === null ? {} : { impairment: { model: 'any', snrDb: 5, seed: 0, ...genie } }),
    ...changes,
  } as FrameHead;
  // Only what demodulation looks at.
  return {
    head,
    payload: Buffer.concat(payload),
    modem: createModem(head.waveform, head.waveformOptions),
    layout,
    latentHeight: 2,
    latentWidth: 3,
  } as unknown as ReceivedFrame;
}

const flat = (noiseVariance: number, gains?: Gains): ChannelState => ({
  taps: gains === undefined ? null : [{ delay: 0, gains }],
  noiseVariance,
});

describe('demodulateFrame', () => {
  it.each([false, true])(
    'finds a gain that nobody told by the moments of the symbols; interleaved: %s',
    (interleaved) => {
      // Channel 0 is a constant, all others are small.
      const moments = { mean: [1.4, 0, 0, 0], variance: [0.02, 0.01] };
      const latent = drawLatent().map((value, i) => (i < layout.positions ? 1.4 : 0.1 * value));
      const symbols = latentToSymbols(latent, layout);
      const [gainI, gainQ] = [0.3, -0.9];
      const air = (interleaved ? interleave(symbols) : symbols).map((value, i, all) =>
        i % 2 === 0 ? gainI * value - gainQ * all[i + 1]! : gainI * value + gainQ * all[i - 1]!,
      );
      const frame = { ...received(air, null, { interleaved, waveformOptions: { estimator: 'blind' } }), moments };
      const { latent: found, symbols: demodulated, csnrDb } = demodulateFrame(frame);
      expect(demodulated.source).toBe('estimated');
      expect(demodulated.h![0]).toBeCloseTo(gainI, 1);
      expect(demodulated.h![1]).toBeCloseTo(gainQ, 1);
      expect(csnrDb.estimated).toBeGreaterThan(10);
      expect(Math.max(...found.data.map((value, i) => Math.abs(value - latent[i]!)))).toBeLessThan(0.25);
    },
  );

  it('finds the latent that was sent, interleaved or not', () => {
    const latent = drawLatent();
    const symbols = latentToSymbols(latent, layout);
    for (const interleaved of [false, true]) {
      const air = interleaved ? interleave(symbols) : symbols;
      const observation = demodulateFrame(received(air, flat(0.01), { interleaved }));
      expect(observation.latent).toEqual({ data: latent, dims: [1, 8, 2, 3] });
      expect(observation).toMatchObject({ stream: 's', frame: 4, interleaved, designCsnrDb: 8 });
      const noiseVariance = new Float64Array(12).fill(0.01);
      expect(observation.symbols).toEqual({ y: air, h: null, noiseVariance, source: 'told' });
      expect(observation.csnrDb).toEqual({ configured: 5, measured: 20, effective: 20, estimated: null });
      expect(observation.toldCsnrDb).toBe(20);
    }
  });

  it('undoes gains, and tells measured and effective CSNR apart', () => {
    const latent = drawLatent();
    const symbols = latentToSymbols(latent, layout);
    // |h|² = 4 and 1/4, one half of the frame each.
    const gains = { coherence: 6, values: new Float32Array([0, 2, 0.5, 0]) };
    const air = symbols.map((_, i) => {
      const [k, part] = [i >> 1, i & 1];
      const [I, Q] = [symbols[2 * k]!, symbols[2 * k + 1]!];
      return k < 6 ? (part === 0 ? -2 * Q : 2 * I) : part === 0 ? 0.5 * I : 0.5 * Q;
    });
    const { latent: found, csnrDb, toldCsnrDb } = demodulateFrame(received(air, flat(1e-6, gains)));
    expect(Math.max(...found.data.map((value, i) => Math.abs(value - latent[i]!)))).toBeLessThan(1e-4);
    expect(csnrDb.measured).toBeCloseTo(60 + 10 * Math.log10(2.125), 3);
    // The harmonic mean of |h|² governs what is left after equalisation.
    expect(csnrDb.effective).toBeCloseTo(60 + 10 * Math.log10(8 / 17), 3);
    expect([csnrDb.estimated, toldCsnrDb]).toEqual([null, csnrDb.effective]);
    const { data } = demodulateFrame(received(air, flat(1e-6, gains))).latent;
    expect(symbolsToLatent(latentToSymbols(data, layout), layout)).toEqual(data);
  });

  it('estimates the CSNR blindly where it is told nothing', () => {
    const samples = new Float32Array(24).fill(1);
    const observation = demodulateFrame(received(samples, null, { impairment: { model: 'm', snrDb: 3, seed: 0 } }));
    // Mean power 2: one part signal, one part noise.
    expect(observation.csnrDb).toEqual({ configured: 3, estimated: 0 });
    expect(observation.toldCsnrDb).toBe(0);
    expect(knowsChannel(observation)).toBe(false);
    // What is assumed then: a gain of 1, and the noise of the estimate.
    expect(observation.symbols).toEqual({
      y: samples,
      h: null,
      noiseVariance: new Float64Array(12).fill(1),
      source: 'assumed',
    });
    expect(demodulateFrame(received(samples, null)).csnrDb).toEqual({ estimated: 0 });
  });

  it('counts echoes as noise, in the latent and in the CSNR', () => {
    const symbols = latentToSymbols(drawLatent(), layout);
    const taps = [0, 3].map((delay) => ({
      delay,
      gains: { coherence: 12, values: new Float32Array([delay ? 0.5 : 1, 0]) },
    }));
    const { csnrDb, symbols: found } = demodulateFrame(received(symbols, { taps, noiseVariance: 0.25 }));
    expect(csnrDb.measured).toBeCloseTo(10 * Math.log10(1.25 / 0.25), 6);
    expect([...found.noiseVariance]).toEqual([0.25, 0.25, 0.25, ...Array<number>(9).fill(0.5)]);
    expect(csnrDb.effective).toBeLessThan(10 * Math.log10(1 / 0.25));
  });

  it('takes pilots for the channel, told or not, and says so', () => {
    const latent = drawLatent();
    const head = { waveform: 'ofdm', waveformOptions: { equaliser: 'zf' } };
    const sent = createModem('ofdm').modulate(latentToSymbols(latent, layout));
    const taps = [{ delay: 3, gains: { coherence: sent.length / 2, values: Float32Array.of(0, 2) } }];
    // Three samples late, and a quarter turn at twice the amplitude.
    const late = sent.map((_, i) => (i < 6 ? 0 : i % 2 === 0 ? -2 * sent[i - 5]! : 2 * sent[i - 7]!));
    const noise = new Float32Array(sent.length);
    randomFor({ seed: 1, stream: 's', frame: 0, purpose: 'noise' }).fillNormal(noise, Math.sqrt(0.004 / 2));
    const samples = late.map((value, i) => value + noise[i]!);
    for (const channel of [null, { taps, noiseVariance: 0.004 }]) {
      const frame = demodulateFrame(received(samples, channel, head));
      expect(frame.latent.data.every((value, i) => Math.abs(value - latent[i]!) < 0.2)).toBe(true);
      expect(frame.csnrDb.effective).toBeUndefined();
      expect(Math.abs(frame.csnrDb.estimated! - 30)).toBeLessThan(1);
      expect(frame.csnrDb.measured?.toFixed(6)).toBe(channel === null ? undefined : '30.000000');
      expect([frame.toldCsnrDb, frame.modem.equaliser]).toEqual([frame.csnrDb.estimated, 'zf']);
      expect(knowsChannel(frame)).toBe(true);
    }
  });

  describe('with the moments of the symbols, which the bundle has', () => {
    const moments = { mean: [1.4, 0, 0, 0.5], variance: [0.02, 0.5] };
    const symbols = latentToSymbols(drawLatent(), layout);
    const gains = { coherence: 1, values: new Float32Array(24) };
    randomFor({ seed: 1, stream: 's', frame: 0, purpose: 'gains' }).fillNormal(gains.values, Math.SQRT1_2);

    it('equalises by them where a fade is spread over all channels of the latent', () => {
      const frame = { ...received(interleave(symbols), flat(0.1, gains), { interleaved: true }), moments };
      const found = demodulateFrame(frame);
      // y, h and N0 are those of the channel.
      expect(found.symbols).toEqual(demodulateFrame({ ...frame, moments: undefined }).symbols);
      const ofPair = <T>([first, second]: readonly [T, T], k: number): T => (k < 6 ? first : second);
      expect(deinterleave(found.statistics!.mean)).toEqual(
        Float32Array.from({ length: 24 }, (_, i) => moments.mean[ofPair([0, 2], i >> 1) + (i % 2)]!),
      );
      expect(deinterleaveReal(found.statistics!.variance)).toEqual(
        Float64Array.from({ length: 12 }, (_, k) => Math.fround(moments.variance[ofPair([0, 1], k)]!)),
      );
      const { symbols: equalised, csnrDb } = equalise(found.symbols, 'mmse', found.statistics);
      expect(found.latent.data).toEqual(symbolsToLatent(deinterleave(equalised), layout));
      expect(found.toldCsnrDb).toBe(csnrDb);
    });

    it.each([
      ['symbols of one channel may fade all together', { interleaved: false, taps: gains }],
      ['there is nothing to equalise', { interleaved: true, taps: undefined }],
    ])('does without them where %s', (_, { interleaved, taps }) => {
      const frame = received(interleaved ? interleave(symbols) : symbols, flat(0.1, taps), { interleaved });
      expect(demodulateFrame({ ...frame, moments })).toEqual(demodulateFrame(frame));
    });

    it('does without them where least squares take the noise of the pilots for the channel', () => {
      const weighed = (['ls', 'lmmse'] as const).map((estimator) => {
        const waveformOptions = { estimator };
        const sent = createModem('ofdm', waveformOptions).modulate(interleave(symbols));
        const frame = received(sent, null, { waveform: 'ofdm', waveformOptions, interleaved: true });
        return demodulateFrame({ ...frame, moments }).statistics !== undefined;
      });
      expect(weighed).toEqual([false, true]);
    });
  });

  it("estimates the CSNR of a result by the channel that its decoder found, where it isn't told one", () => {
    const plane = (value: number) => tensor(new Float32Array(24).fill(value), [4, 2, 3]);
    const blind = demodulateFrame(received(new Float32Array(24).fill(1), null));
    const found = { gain: { real: plane(3), imaginary: plane(4) }, noiseVariance: 2.5 };
    expect(csnrFound(blind, found).estimated).toBeCloseTo(10, 12);
    expect(csnrFound(blind, { gain: null, noiseVariance: 0.1 }).estimated).toBeCloseTo(10, 12);
    expect(csnrFound(blind, undefined)).toBe(blind.csnrDb);
    const told = demodulateFrame(received(new Float32Array(24).fill(1), flat(0.1)));
    expect(csnrFound(told, found)).toBe(told.csnrDb);
  });

  it('survives a channel without noise, and one that lets nothing through', () => {
    const symbols = latentToSymbols(drawLatent(), layout);
    expect(demodulateFrame(received(symbols, flat(0))).csnrDb).toMatchObject({ measured: 100, effective: 100 });
    const dead = { coherence: 12, values: new Float32Array(2) };
    for (const noiseVariance of [0, 0.1]) {
      const observation = demodulateFrame(received(new Float32Array(24), flat(noiseVariance, dead)));
      expect(observation.csnrDb).toMatchObject({ measured: -50, effective: -50 });
      expect(observation.latent.data.every((value) => value === 0)).toBe(true);
    }
  });

  it.each([
    ['NaN', Number.NaN],
    ['an infinity', Infinity],
    ['an absurd size', 1e20],
  ])('refuses %s', (_, value) => {
    const samples = new Float32Array(24);
    samples[5] = value;
    expect(() => demodulateFrame(received(samples, null))).toThrow('samples');
    const gains = { coherence: 12, values: new Float32Array([1, value]) };
    expect(() => demodulateFrame(received(new Float32Array(24), flat(0.1, gains)))).toThrow('gains');
  });
});
