import { describe, expect, it } from 'vitest';
import { DesignCsnr } from './design-csnr.js';

describe('DesignCsnr', () => {
  it('starts at 10 dB and follows the newest estimate', () => {
    const design = new DesignCsnr({ min: 0, max: 20 });
    expect(design.next('feedback')).toBe(10);
    design.observe(3.5);
    expect(design.next('feedback')).toBe(3.5);
    design.observe(null);
    design.observe(Number.NaN);
    expect(design.next('feedback')).toBe(3.5);
  });

  it('stays within what the bundle was trained for, measured or wished for', () => {
    const design = new DesignCsnr({ min: 0, max: 20 });
    design.observe(31);
    expect(design.next('feedback')).toBe(20);
    design.observe(-4);
    expect(design.next('feedback')).toBe(0);
    expect([design.next(7), design.next(25), design.next(-3)]).toEqual([7, 20, 0]);
    expect(new DesignCsnr({ min: 12, max: 20 }).next('feedback')).toBe(12);
  });
});
