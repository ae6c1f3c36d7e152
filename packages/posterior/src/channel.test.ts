import { meanPower, randomFor, type ComplexVector } from '@semcast/core';
import { gainsOfTaps, type TapModel } from '@semcast/phy';
import { describe, expect, it } from 'vitest';
import { meanSquareBetween, phaseBetween, tapGradient, times } from './channel.js';

const COUNT = 40;
const model: TapModel = {
  fftSize: 8,
  carriers: Uint16Array.from({ length: COUNT }, (_, k) => (5 * k) % 8),
  powers: [0.5, 0.3, 0.2],
};

function draw(count: number, frame: number): ComplexVector {
  const values = new Float32Array(2 * count);
  randomFor({ seed: 1, stream: 'channel', frame, purpose: 'test' }).fillNormal(values, Math.SQRT1_2);
  return values;
}

describe('the gradient of the misfit by the taps', () => {
  it('is what the misfit does when a part of a tap is moved', () => {
    const [y, z, taps] = [draw(COUNT, 0), draw(COUNT, 1), draw(3, 2)];
    const norm = (at: ComplexVector) => Math.sqrt(COUNT * meanSquareBetween(y, times(gainsOfTaps(at, model), z)));
    const gradient = tapGradient(y, gainsOfTaps(taps, model), z, model);
    expect(gradient.length).toBe(6);
    for (const [i, value] of gradient.entries()) {
      const moved = (by: number) => norm(taps.map((each, k) => (k === i ? each + by : each)));
      expect(value).toBeCloseTo((moved(0.01) - moved(-0.01)) / 0.02, 3);
    }
  });

  it('is 0 where there is no misfit', () => {
    const z = draw(COUNT, 1);
    const h = gainsOfTaps(draw(3, 2), model);
    expect([...tapGradient(times(h, z), h, z, model)]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('phaseBetween', () => {
  it('is the angle that brings the one to the other', () => {
    const a = draw(COUNT, 3);
    const turned = times(
      a,
      a.map((_, i) => (i % 2 === 0 ? Math.cos(2) : Math.sin(2))),
    );
    expect(phaseBetween(a, turned)).toBeCloseTo(2, 6);
    expect(meanPower(turned)).toBeCloseTo(meanPower(a), 6);
    expect(phaseBetween(new Float32Array(4), a)).toBe(0);
  });
});
