import { randomFor, type ComplexVector, type RandomSource } from '@semcast/core';
import type { ReceivedSymbols } from '../src/index.js';

export function testRandom(purpose: string, frame: number = 0): RandomSource {
  return randomFor({ seed: 7, stream: 'channel-coding', frame, purpose });
}

export function randomBits(count: number, random: RandomSource): Uint8Array {
  const uniform = new Float32Array(count);
  random.fillNormal(uniform);
  return Uint8Array.from(uniform, (value) => (value < 0 ? 1 : 0));
}

/** Symbols over AWGN: y = s + n with n ~ CN(0, noiseVariance). */
export function overAwgn(symbols: ComplexVector, noiseVariance: number, random: RandomSource): ReceivedSymbols {
  const y = new Float32Array(symbols.length);
  random.fillNormal(y, Math.sqrt(noiseVariance / 2));
  for (let i = 0; i < y.length; i++) {
    y[i]! += symbols[i]!;
  }
  return { y, h: null, noiseVariance: new Float32Array(symbols.length / 2).fill(noiseVariance) };
}
