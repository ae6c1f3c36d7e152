import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { typedDecoderOptions } from '../arguments/common-flags.js';
import { parseDecoderOption } from '../arguments/decoder-options.js';
import { planVariants, variantName } from '../sweep/variants.js';
import { optionsOfNamed, optionsOfOne } from './options.js';
import { findDecoder } from './registry.js';

const jscc = { name: 'jscc', optionsSchema: z.strictObject({}) };
const fast = {
  name: 'fast-one',
  optionsSchema: z.strictObject({
    steps: z.int().min(4).max(1000).default(8).describe('denoising steps'),
    minSteps: z.int().min(1).default(4),
    eta: z.number().min(0).default(0.1).describe('length of the push'),
    solver: z.enum(['euler', 'heun']).default('euler'),
    hurry: z.boolean().default(false),
  }),
};
const slow = {
  name: 'slow',
  optionsSchema: z.strictObject({ steps: z.int().min(4).default(100), zeta: z.number().default(1) }),
};
const all = [jscc, fast, slow];

const options = (...typed: string[]) => typed.map(parseDecoderOption);
const plan = (steps: readonly number[] | undefined, ...typed: string[]) =>
  planVariants(all, { steps, options: options(...typed) });

describe('an option as it is typed', () => {
  it.each([
    ['steps=8', { decoder: undefined, name: 'steps', value: 8 }],
    ['diffcom.eta=-2.5e-1', { decoder: 'diffcom', name: 'eta', value: -0.25 }],
    ['hifi-diffcom.solver=heun', { decoder: 'hifi-diffcom', name: 'solver', value: 'heun' }],
    ['hurry=true', { decoder: undefined, name: 'hurry', value: true }],
    ['x=a=b', { decoder: undefined, name: 'x', value: 'a=b' }],
    ['x=0x10', { decoder: undefined, name: 'x', value: '0x10' }],
  ])('%s', (text, parsed) => {
    expect(parseDecoderOption(text)).toEqual(parsed);
  });

  it.each(['', 'steps', 'steps=', '=8', '.steps=8', 'a.b.steps=8', 'two words=1', ' x = a=b '])(
    '%j is none',
    (text) => {
      expect(() => parseDecoderOption(text)).toThrow('is no option of a decoder');
    },
  );
});

describe('the variants of a sweep', () => {
  it('are the decoders as they are, those that sample with exactly their own steps', () => {
    expect(plan(undefined)).toEqual([
      { decoder: 'jscc', asked: 'jscc', steps: 0, options: undefined, completeOptions: {} },
      {
        decoder: 'fast-one',
        asked: 'fast-one',
        steps: 8,
        options: { minSteps: 8 },
        completeOptions: { steps: 8, minSteps: 8, eta: 0.1, solver: 'euler', hurry: false },
      },
      { decoder: 'slow', asked: 'slow', steps: 100, options: undefined, completeOptions: { steps: 100, zeta: 1 } },
    ]);
  });

  it('are every sampling decoder at each number of steps', () => {
    expect(plan([4, 20]).map(variantName)).toEqual([
      'jscc',
      'fast-one-4steps',
      'fast-one-20steps',
      'slow-4steps',
      'slow-20steps',
    ]);
  });

  it('give an option to whoever has it, and those for one decoder alone precedence', () => {
    const variants = plan([4, 20], 'eta=0.5', 'fast-one.hurry=true', 'slow.steps=50', 'slow.steps=200', 'zeta=2');
    expect(variants.map(({ steps, options: sent }) => [steps, sent])).toEqual([
      [0, undefined],
      [4, { steps: 4, minSteps: 4, eta: 0.5, hurry: true }],
      [20, { steps: 20, minSteps: 20, eta: 0.5, hurry: true }],
      [50, { steps: 50, zeta: 2 }],
      [200, { steps: 200, zeta: 2 }],
    ]);
    const own = plan(undefined, 'eta=0.5', 'fast-one.eta=0.7', 'fast-one.minSteps=5');
    expect(own[1]!.options).toEqual({ eta: 0.7, minSteps: 5 });
  });

  it.each([
    [['etta=1'], 'jscc, fast-one, slow have no option "etta"', 'did you mean eta?'],
    [['slow.eta=1'], 'slow has no option "eta"', 'there are steps, zeta'],
    [['jscc.steps=4'], 'jscc has no option "steps"', 'it takes none'],
    [['fast.eta=1'], '"fast" isn\'t among the decoders (jscc, fast-one, slow)', 'choose that decoder'],
    [['eta=-1'], 'options of fast-one: eta: ', 'eta is: length of the push'],
    [['steps=2'], 'options of fast-one: steps: ', 'steps is: denoising steps'],
    [['fast-one.solver=rk4'], 'options of fast-one: solver: ', 'docs/samplers.md'],
    [['constructor=1'], 'no option "constructor"', ''],
  ])('refuse %j', (typed, message, remedy) => {
    expect(() => plan(undefined, ...typed)).toThrow(
      expect.objectContaining({
        code: 'E_USAGE',
        message: expect.stringContaining(message) as string,
        remedy: expect.stringContaining(remedy) as string,
      }),
    );
  });

  it('are each value of an option that is given several times, named in their rows', () => {
    const variants = plan([4, 8], 'fast-one.eta=0', 'fast-one.eta=1', 'fast-one.solver=heun', 'slow.steps=9');
    expect(variants.map(({ decoder, asked, steps, options: sent }) => [decoder, asked, steps, sent])).toEqual([
      ['jscc', 'jscc', 0, undefined],
      ...[4, 8].flatMap((steps) =>
        [0, 1].map((eta) => [
          `fast-one eta=${eta}`,
          'fast-one',
          steps,
          { steps, minSteps: steps, eta, solver: 'heun' },
        ]),
      ),
      ['slow', 'slow', 9, { steps: 9 }],
    ]);
    expect(variantName(variants[1]!)).toBe('fast-one-eta=0-4steps');
  });

  it('refuse steps that come from two sides, or are for nobody', () => {
    expect(() => plan([4], 'steps=8')).toThrow('given by --steps as well');
    expect(() => planVariants([jscc], { steps: [4], options: [] })).toThrow('--steps: jscc takes no steps');
  });
});

describe('a preset', () => {
  const hifi = findDecoder('hifi-diffcom')!;
  const typed = (preset: string | undefined, ...texts: string[]) =>
    typedDecoderOptions({ 'decoder-option': options(...texts), preset });

  it('is an option of every decoder that samples', () => {
    expect(typed(undefined, 'eta=2')).toEqual(options('eta=2'));
    expect(typed('published', 'eta=2')).toEqual(options('eta=2', 'preset=published'));
    const chosen = [jscc, hifi, findDecoder('diffcom')!];
    const variants = planVariants(chosen, { steps: undefined, options: typed('published', 'diffcom.preset=default') });
    expect(variants.map(({ steps, options: sent }) => [steps, sent])).toEqual([
      [0, undefined],
      [235, { preset: 'published', minSteps: 235 }],
      [16, { preset: 'default', minSteps: 16 }],
    ]);
    expect(variants[1]!.completeOptions).toMatchObject({ preset: 'published', gamma: 0.125, start: 'published' });
  });

  it('goes with options of its own, and is given once', () => {
    expect(optionsOfOne(hifi, typed('published', 'gamma=0'), 20)).toEqual({ preset: 'published', gamma: 0, steps: 20 });
    expect(optionsOfNamed('crystal-ball', typed('best'), undefined)).toEqual({ preset: 'best' });
    expect(() => optionsOfOne(hifi, typed('published', 'preset=default'), undefined)).toThrow('given preset twice');
  });
});

describe('the options of one decoder', () => {
  it('are what was typed, checked', () => {
    expect(optionsOfOne(fast, options('eta=1'), 12)).toEqual({ steps: 12, eta: 1 });
    expect(optionsOfOne(fast, [], undefined)).toBeUndefined();
    expect(optionsOfOne(jscc, [], undefined)).toBeUndefined();
  });
  it('are refused where they mean nothing', () => {
    expect(() => optionsOfOne(jscc, [], 4)).toThrow('--steps: jscc takes no steps');
    expect(() => optionsOfOne(fast, options('steps=4', 'steps=8'), undefined)).toThrow('given steps twice');
    expect(() => optionsOfOne(fast, options('eta=1', 'eta=2'), undefined)).toThrow('given eta twice');
    expect(() => optionsOfOne(fast, options('slow.eta=1'), undefined)).toThrow("isn't among the decoders (fast-one)");
  });
});

describe('the options of a decoder by its name', () => {
  const given = (...typed: string[]) => typed.map(parseDecoderOption);

  it('go as they are to a decoder that is known at the receiver only', () => {
    expect(optionsOfNamed('crystal-ball', given('eta=0.5', 'crystal-ball.warm=true'), 8)).toEqual({
      steps: 8,
      eta: 0.5,
      warm: true,
    });
    expect(optionsOfNamed('jscc', [], undefined)).toBeUndefined();
    expect(optionsOfNamed('crystal-ball', [], undefined)).toBeUndefined();
  });

  it('are checked where the decoder is known', () => {
    expect(() => optionsOfNamed('jscc', [], 5)).toThrow('--steps: jscc takes no steps');
    expect(() => optionsOfNamed('jscc', given('eta=1'), undefined)).toThrow(/--decoder-option: .*eta/);
    expect(() => optionsOfNamed('jscc', given('crystal-ball.eta=1'), undefined)).toThrow('"crystal-ball"');
    expect(() => optionsOfNamed('crystal-ball', given('jscc.eta=1'), undefined)).toThrow('"jscc"');
    expect(() => optionsOfNamed('crystal-ball', given('steps=4'), 5)).toThrow('steps are given by --steps as well');
    // Names that every object inherits are names like any other.
    expect(optionsOfNamed('constructor', given('toString=1'), undefined)).toEqual({ toString: 1 });
  });
});
