import type { Bundle } from '@semcast/bundle';
import { samplerNames, samplers } from '@semcast/posterior';
import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import { DecoderGraphsError } from '../errors.js';
import type { Decoder } from './decoder.js';
import { decoderNames, decoders, decodersOf, graphsOf } from './registry.js';

function bundleWith(...graphs: string[]): Bundle {
  const names = ['encoder', 'decoder', ...graphs];
  return {
    graphs: Object.fromEntries(names.map((name) => [name, { file: name }])),
    manifest: { name: 'some', version: '1' },
  } as unknown as Bundle;
}

const posterior = bundleWith('denoiser', 'distilled', 'encoderVjp', 'posteriorStep');

describe('the registry of decoders', () => {
  it('has the one-shot decoder, the digital link and every sampler', () => {
    expect(decoderNames).toEqual(['jscc', 'digital', ...samplerNames]);
    for (const [key, decoder] of Object.entries<Decoder>(decoders)) {
      expect(decoder.name).toBe(key);
      expect(decoder.summary).toMatch(/^\S.{5,110}$/);
      expect(decoder.graphs.includes('decoder')).toBe(decoder.code !== 'digital');
    }
  });

  it.each(samplerNames)("gives %s its preset, the sampler's own options, and three more, all described", (name) => {
    const { optionsSchema } = decoders[name];
    const own = samplers[name].optionsSchema;
    const names = ['preset', ...Object.keys(own.shape), 'minSteps', 'intermediates', 'seed'];
    expect(Object.keys(optionsSchema.shape)).toEqual(names);
    const { properties = {} } = z.toJSONSchema(optionsSchema, { io: 'input' });
    expect(Object.values(properties).every((each) => typeof each === 'object' && 'description' in each)).toBe(true);
    const defaults = {
      preset: 'default',
      ...own.parse({}),
      minSteps: name === 'distilled' ? 1 : 4,
      intermediates: 0,
      seed: 0,
    };
    expect(optionsSchema.parse({})).toEqual(defaults);
    expect(optionsSchema.safeParse({ steps: 9, minSteps: 9 }).success).toBe(true);
    expect(optionsSchema.safeParse({ steps: 9, minSteps: 10 }).error?.issues).toMatchObject([{ path: ['minSteps'] }]);
  });

  it('plans what a sampler will run: its steps, and the graphs that its options need', () => {
    const plan = (name: keyof typeof samplers, options: Record<string, unknown>) => {
      const { optionsSchema, refinement } = decoders[name];
      return refinement!.plan(optionsSchema.parse(options));
    };
    expect(plan('conditional', { minSteps: 5, steps: 7 })).toEqual({
      perStep: [['denoiser', 'denoiser']],
      steps: { min: 5, max: 7 },
    });
    expect(plan('hifi-diffcom', { preset: 'published' })).toEqual({
      perStep: [['posteriorStep']],
      steps: { min: 4, max: 235 },
    });
    expect(plan('hifi-diffcom', { preset: 'published', solver: 'heun', minSteps: 9, steps: 9 })).toMatchObject({
      perStep: [['posteriorStep'], ['denoiser']],
      steps: { min: 9, max: 9 },
    });
    expect(decoders.distilled.optionsSchema.safeParse({ preset: 'published' }).error?.issues).toMatchObject([
      { path: ['preset'], message: expect.stringContaining('distilled has no preset "published"') as string },
    ]);
    expect(plan('daps', { innerSteps: 2, guidanceScale: 0 }).perStep).toEqual([
      ['denoiser'],
      ['encoderVjp'],
      ['encoderVjp'],
    ]);
  });
});

describe('decodersOf', () => {
  it('offers those that the bundle has graphs for', () => {
    expect([...decodersOf(bundleWith()).keys()]).toEqual(['jscc', 'digital']);
    expect([...decodersOf(bundleWith('denoiser')).keys()]).toEqual(['jscc', 'digital', 'conditional']);
    expect([...decodersOf(bundleWith('denoiser', 'encoderVjp')).keys()]).toEqual([
      'jscc',
      'digital',
      'diffpir',
      'daps',
      'red-diff',
      'conditional',
    ]);
    expect([...decodersOf(bundleWith('distilled')).keys()]).toEqual(['jscc', 'digital', 'distilled']);
    expect([...decodersOf(posterior).keys()]).toEqual(decoderNames);
  });

  it('offers only those that are wanted, and not what it has no graphs for', () => {
    expect([...decodersOf(posterior, ['daps', 'jscc']).keys()]).toEqual(['jscc', 'daps']);
    expect(() => decodersOf(bundleWith('denoiser'), ['jscc', 'daps'])).toThrow(DecoderGraphsError);
    expect(() => decodersOf(bundleWith('denoiser'), ['daps'])).toThrow(/"daps" needs encoderVjp.*some 1/);
  });

  it('needs the graphs of those alone', () => {
    const graphs = (wanted: string[], residual = false) => [...graphsOf(decodersOf(posterior, wanted), { residual })];
    expect(graphs(['jscc'])).toEqual(['decoder']);
    expect(graphs(['jscc'], true)).toEqual(['decoder', 'encoder']);
    expect(graphs(['conditional'])).toEqual(['decoder', 'denoiser']);
    expect(graphs(['hifi-diffcom'], true)).toEqual(['decoder', 'encoder', 'posteriorStep', 'denoiser']);
  });
});
