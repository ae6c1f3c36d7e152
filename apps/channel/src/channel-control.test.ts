import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseChannelConfig } from '@semcast/channel-models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChannelControl, initialChannelConfig } from './channel-control.js';
import { channelServiceConfigSchema } from './config.js';
import { ChannelUpdateError, TraceFileError } from './errors.js';

const start = parseChannelConfig({ model: { name: 'rician-block', coherence: 32, kFactorDb: 9 }, seed: 5 });

describe('createChannelControl', () => {
  it('keeps what a change does not name', () => {
    const control = createChannelControl(start);
    const before = control.channel;
    expect(control.update({ loss: 0.25 })).toMatchObject({ loss: 0.25, seed: 5, model: start.model, snrDb: 10 });
    expect(control.channel).not.toBe(before);
  });

  it('merges the options of the model in force, and starts another one from its defaults', () => {
    const control = createChannelControl(start);
    expect(control.update({ model: { coherence: 8 } }).model).toEqual({ ...start.model, coherence: 8 });
    expect(control.update({ model: { name: 'rician-block', kFactorDb: 0 } }).model).toMatchObject({
      coherence: 8,
      kFactorDb: 0,
    });
    expect(control.update({ model: { name: 'awgn' } }).model).toEqual({ name: 'awgn' });
    expect(() => control.update({ model: { coherence: 8 } })).toThrow(ChannelUpdateError);
  });

  it('takes snrDb alone as a constant SNR, and beside snr as what GET added', () => {
    const control = createChannelControl(start);
    expect(control.update({ snrDb: 3 })).toMatchObject({ snr: { name: 'constant', snrDb: 3 }, snrDb: 3 });
    const sweep = control.update({ snr: { name: 'linear' } });
    expect(control.update({ ...sweep, snrDb: 17 })).toEqual(sweep);
  });

  it('shows the SNR of the newest frame', () => {
    const csv = 'frame,snr_db\n0,4\n5,8';
    const control = createChannelControl(parseChannelConfig({ snr: { name: 'trace', csv } }));
    expect(control.state().snrDb).toBe(4);
    control.sawFrame({ stream: 'a', frame: 6 });
    expect(control.state().snrDb).toBe(8);
  });

  it.each([
    ['no object', [1], 'no JSON object'],
    ['an unknown key', { snr_db: 5 }, 'snr_db'],
    ['an unknown model', { model: { name: 'cable' } }, 'model'],
    ['an option out of range', { loss: 1.5 }, 'loss'],
    ['an SNR that is none', { snr: { name: 'constant', snrDb: 'high' } }, 'snr'],
    ['a trace that is none', { snr: { name: 'trace', csv: 'a,b' } }, 'header'],
    ['nothing where a model belongs', { model: null }, 'model'],
  ])('refuses %s, names it, and stays as it was', (_, change, word) => {
    const control = createChannelControl(start);
    const before = control.state();
    expect(() => control.update(change)).toThrow(ChannelUpdateError);
    expect(() => control.update(change)).toThrow(word);
    expect(control.state()).toEqual(before);
  });
});

describe('initialChannelConfig', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'semcast-trace-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('reads the trace file', async () => {
    const traceFile = path.join(folder, 'trace.csv');
    await writeFile(traceFile, 'snr_db\n1\n2\n');
    const config = channelServiceConfigSchema.parse({ traceFile, traceLoop: true, channel: { seed: 9 } });
    const initial = await initialChannelConfig(config);
    expect(initial).toMatchObject({ seed: 9, snr: { name: 'trace', loop: true } });
    const control = createChannelControl(initial);
    expect(control.channel.snrDbAt({ stream: 'a', frame: 3 })).toBe(2);
  });

  it('says which file is missing or broken', async () => {
    const missing = channelServiceConfigSchema.parse({ traceFile: path.join(folder, 'none.csv') });
    await expect(initialChannelConfig(missing)).rejects.toThrow(TraceFileError);
    await expect(initialChannelConfig(missing)).rejects.toThrow('none.csv');
    const broken = path.join(folder, 'broken.csv');
    await writeFile(broken, 'hello\n');
    await expect(initialChannelConfig(channelServiceConfigSchema.parse({ traceFile: broken }))).rejects.toThrow(
      'header',
    );
  });
});
