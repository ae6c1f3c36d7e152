import { describe, expect, it } from 'vitest';
import { parseDecoderOption } from './decoder-options.js';

describe('options of decoders', () => {
  it.each([
    ['steps=8', { decoder: undefined, name: 'steps', value: 8 }],
    ['eta=-2.5e-1', { decoder: undefined, name: 'eta', value: -0.25 }],
    ['guided=true', { decoder: undefined, name: 'guided', value: true }],
    ['hifi-diffcom.lateStart=false', { decoder: 'hifi-diffcom', name: 'lateStart', value: false }],
    ['solver=heun', { decoder: undefined, name: 'solver', value: 'heun' }],
    ['note=a=b.c', { decoder: undefined, name: 'note', value: 'a=b.c' }],
    ['hex=0x10', { decoder: undefined, name: 'hex', value: '0x10' }],
  ])('%s', (typed, option) => {
    expect(parseDecoderOption(typed)).toEqual(option);
  });

  it.each(['steps', '=8', 'steps=', 'a.b.c=1', 'st eps=1', '.steps=1', ''])('refuses "%s"', (typed) => {
    expect(() => parseDecoderOption(typed)).toThrow(/is no option of a decoder/);
  });
});
