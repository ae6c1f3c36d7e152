import { assert, double, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ddpm, ddpmSigma, karras, ScheduleError, scheduleNames, schedules } from './index.js';

const range = { sigmaMax: 80, sigmaMin: 0.002 };

describe.each(scheduleNames)('the schedule %s', (name) => {
  it('falls from sigmaMax to sigmaMin in as many steps as asked for', () => {
    assert(
      property(
        integer({ min: 2, max: 1000 }),
        double({ min: 0.001, max: 1, noNaN: true }),
        double({ min: 1.5, max: 140, noNaN: true }),
        (steps, sigmaMin, ratio) => {
          const sigmaMax = Math.min(sigmaMin * ratio, 150);
          const sigmas = schedules[name]({ steps, sigmaMax, sigmaMin });
          expect(sigmas.length).toBe(steps);
          expect([sigmas[0], sigmas.at(-1)]).toEqual([sigmaMax, sigmaMin]);
          expect(sigmas.every((sigma, i) => i === 0 || sigma < sigmas[i - 1]!)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('takes 1 to 1000 steps, and no others', () => {
    expect(schedules[name]({ ...range, steps: 1 })).toEqual([80]);
    expect(schedules[name]({ ...range, steps: 1000 }).length).toBe(1000);
    for (const steps of [0, -1, 1001, 2.5, NaN, Infinity]) {
      expect(() => schedules[name]({ ...range, steps }), String(steps)).toThrow(ScheduleError);
    }
  });

  it.each([
    { sigmaMin: 0 },
    { sigmaMin: -1 },
    { sigmaMin: 80 },
    { sigmaMin: 81 },
    { sigmaMin: NaN },
    { sigmaMax: NaN },
    { sigmaMax: Infinity },
  ])('refuses %o', (wrong) => {
    expect(() => schedules[name]({ ...range, steps: 10, ...wrong })).toThrow(ScheduleError);
  });
});

describe('karras', () => {
  it('is the formula of the paper', () => {
    // (80^(1/7) + i/4·(0.002^(1/7) - 80^(1/7)))^7 for i = 0 … 4, as Python computes it.
    const known = [80, 17.52783196464411, 2.515218976147159, 0.16975275626876413, 0.002];
    for (const [i, sigma] of karras({ ...range, steps: 5 }).entries()) {
      expect(sigma / known[i]!).toBeCloseTo(1, 12);
    }
  });
});

describe('ddpm', () => {
  /** √((1 - ᾱ_t)/ᾱ_t) by the definition, as a product. */
  function sigmaByDefinition(t: number): number {
    let alphaBar = 1;
    for (let s = 1; s <= t; s++) {
      alphaBar *= 1 - (1e-4 + ((s - 1) / 999) * (0.02 - 1e-4));
    }
    return Math.sqrt((1 - alphaBar) / alphaBar);
  }

  it.each([1, 2, 100, 215, 235, 252, 500, 999, 1000])('has the sigma of the linear-beta table at step %i', (t) => {
    expect(ddpmSigma(t) / sigmaByDefinition(t)).toBeCloseTo(1, 10);
  });

  it('has the ends that are known of it', () => {
    expect(ddpmSigma(0)).toBe(0);
    expect(ddpmSigma(1)).toBeCloseTo(0.0100005, 7);
    expect(ddpmSigma(1000)).toBeCloseTo(157.407, 3);
    for (const t of [-1, 1000.5, NaN]) {
      expect(() => ddpmSigma(t)).toThrow(ScheduleError);
    }
  });

  it('is the table itself, backwards, from its last sigma to its first in 1000 steps', () => {
    const sigmas = ddpm({ steps: 1000, sigmaMax: ddpmSigma(1000), sigmaMin: ddpmSigma(1) });
    for (const [i, sigma] of sigmas.entries()) {
      expect(Math.abs(sigma / ddpmSigma(1000 - i) - 1)).toBeLessThan(1e-9);
    }
  });

  it('starts in mid-table, as HiFi-DiffCom does, with every further step of the table', () => {
    const sigmas = ddpm({ steps: 235, sigmaMax: ddpmSigma(235), sigmaMin: ddpmSigma(1) });
    for (const [i, sigma] of sigmas.entries()) {
      expect(Math.abs(sigma / ddpmSigma(235 - i) - 1)).toBeLessThan(1e-9);
    }
  });

  it('says where its table ends', () => {
    expect(() => ddpm({ steps: 10, sigmaMax: 158, sigmaMin: 1 })).toThrow('ends at sigma 157.41');
  });
});
