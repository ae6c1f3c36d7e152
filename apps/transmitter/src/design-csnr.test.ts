import { describe, expect, it } from 'vitest';
import { DesignCsnr } from './design-csnr.js';

describe('DesignCsnr', () => {
  it('starts at 10 dB and follows the newest estimate', () => {
    const design = new DesignCsnr();
    expect(design.next('feedback')).toBe(10);
    design.observe(3.5);
    expect(design.next('feedback')).toBe(3.5);
    design.observe(null);
    design.observe(Number.NaN);
    expect(design.next('feedback')).toBe(3.5);
  });

  it('is what was wished for, whatever was told', () => {
    const design = new DesignCsnr();
    design.observe(31);
    expect([design.next('feedback'), design.next(7), design.next(-3)]).toEqual([31, 7, -3]);
  });
});
