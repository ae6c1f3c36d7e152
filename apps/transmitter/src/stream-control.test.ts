import { describe, expect, it } from 'vitest';
import { StreamControl, type StreamSettings } from './stream-control.js';

function control(offered: readonly string[] | undefined = ['jscc', 'diffcom']) {
  return new StreamControl({
    config: {
      decoder: 'jscc',
      decoderOptions: undefined,
      waveform: 'single-carrier',
      cbr: '1/24',
      digital: 'off',
      fps: 2,
      latest: false,
      paused: false,
    },
    checkRate: (cbr) => {
      if (cbr !== '1/24' && cbr !== '1/12') {
        throw new Error(`no rate ${cbr}`);
      }
    },
    offered: () => offered,
    photographs: () => ['a.jpg', 'b.jpg'],
  });
}

describe('the settings of a stream', () => {
  it('are changed key by key, and told to whoever listens', () => {
    const stream = control();
    const told: StreamSettings[] = [];
    stream.on('change', (settings) => told.push(settings));
    stream.update({ fps: 5 });
    stream.update({ paused: true, cbr: '1/12' });
    expect(stream.settings).toEqual({
      decoder: 'jscc',
      decoderOptions: undefined,
      cbr: '1/12',
      waveform: 'single-carrier',
      waveformOptions: undefined,
      csi: 'genie',
      digital: 'off',
      fps: 5,
      latest: false,
      photo: null,
      paused: true,
    });
    expect(told.map(({ fps, paused }) => [fps, paused])).toEqual([
      [5, false],
      [5, true],
    ]);
  });

  it('hold one photograph of those that there are, until it is let go', () => {
    const stream = control();
    expect(stream.update({ photo: 'b.jpg' }).photo).toBe('b.jpg');
    expect(stream.update({ fps: 3 }).photo).toBe('b.jpg');
    expect(() => stream.update({ photo: 'c.jpg' })).toThrow(
      expect.objectContaining({
        message: 'there is no photograph "c.jpg"',
        remedy: 'choose one of a.jpg, b.jpg',
      }),
    );
    expect(stream.update({ photo: null }).photo).toBeNull();
  });

  it('keep options while the decoder stays, and forget them with it', () => {
    const stream = control();
    stream.update({ decoder: 'diffcom', decoderOptions: { steps: 8 } });
    expect(stream.update({ decoder: 'diffcom' }).decoderOptions).toEqual({ steps: 8 });
    expect(stream.update({ fps: 1 }).decoderOptions).toEqual({ steps: 8 });
    expect(stream.update({ decoder: 'jscc' }).decoderOptions).toBeUndefined();
  });

  it('tell the receiver of the channel as the waveform needs it', () => {
    const stream = control();
    expect(stream.update({ waveform: 'ofdm' })).toMatchObject({ waveform: 'ofdm', csi: 'none' });
    const genie = { estimator: 'genie' };
    expect(stream.update({ waveformOptions: genie })).toMatchObject({ waveformOptions: genie, csi: 'genie' });
    expect(stream.update({ fps: 1 })).toMatchObject({ waveform: 'ofdm', waveformOptions: genie, csi: 'genie' });
    expect(stream.update({ waveform: 'single-carrier' })).toMatchObject({ waveformOptions: undefined, csi: 'genie' });
  });

  it.each([
    ['an unknown key', { speed: 2 }, /Unrecognized key: "speed"/],
    ['no object', 5, /expected object/],
    ['a wrong type', { fps: 'fast' }, /expected number/],
    ['a negative pace', { fps: -1 }, />=0/],
    ['a rate that there is not', { cbr: '1/7' }, /no rate 1\/7/],
    ['what is no rate', { cbr: 'much' }, /"much"/],
    ['a waveform that there is not', { waveform: 'smoke' }, /no waveform "smoke"/],
    ['an option that the waveform does not have', { waveformOptions: { fftSize: 64 } }, /fftSize/],
    ['an FFT of size 0', { waveform: 'ofdm', waveformOptions: { fftSize: 0 } }, /fftSize/],
    ['a decoder that is not offered', { decoder: 'magic' }, /no decoder "magic"/],
    ['an option that is no plain value', { decoderOptions: { a: [1] } }, /decoderOptions/],
  ])('refuse %s, and stay', (_, change, message) => {
    const stream = control();
    const before = stream.settings;
    expect(() => stream.update(change)).toThrow(expect.objectContaining({ code: 'E_STREAM_UPDATE', statusCode: 400 }));
    expect(() => stream.update(change)).toThrow(message);
    expect(stream.settings).toBe(before);
  });

  it('take no decoder before it is known which there are', () => {
    const stream = new StreamControl({
      config: {
        decoder: 'jscc',
        decoderOptions: undefined,
        waveform: 'single-carrier',
        cbr: '1/24',
        fps: 2,
        digital: 'off',
        latest: false,
        paused: false,
      },
      checkRate: () => {},
      offered: () => undefined,
      photographs: () => [],
    });
    expect(() => stream.update({ decoder: 'jscc' })).toThrow(/isn't known yet/);
    expect(stream.update({ fps: 0 }).fps).toBe(0);
  });
});
