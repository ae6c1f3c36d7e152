import type { ShownFrame, ShownPicture } from '@semcast/console-messages';
import { describe, expect, it } from 'vitest';
import { noiseInWords, outsideTraining, whatIsSeen } from '../src/sentence.js';

function picture(stage: ShownPicture['stage'], frame: number, changes: Partial<ShownPicture> = {}): ShownPicture {
  const snr = { snrDb: 6, effectiveSnrDb: null, estimatedSnrDb: null };
  return {
    stage,
    frame,
    decoder: 'd',
    steps: 0,
    url: '',
    figures: null,
    residual: null,
    endToEndMs: 1,
    ...snr,
    ...changes,
  };
}

const shown = (...pictures: readonly ShownPicture[]): ShownFrame => ({
  frame: 2,
  name: 'a.jpg',
  width: 8,
  height: 8,
  decoder: 'd',
  done: false,
  pictures,
});

describe('the sentence of the first screen', () => {
  it.each([
    [20, 'the noise has a hundredth of the signal’s power'],
    [10, 'the noise has a tenth of the signal’s power'],
    [6, 'the noise has a quarter of the signal’s power'],
    [3, 'the noise has half of the signal’s power'],
    [8, 'the noise has 1/6 of the signal’s power'],
    [0, 'the noise is as strong as the signal'],
    [-4, 'the noise is 2.5 times as strong as the signal'],
    [-10, 'the noise is 10 times as strong as the signal'],
  ])('says what %s dB is', (snrDb, words) => {
    expect(noiseInWords(snrDb)).toBe(words);
  });

  it('compares what is of one frame, and nothing else', () => {
    const quick = picture('preview', 2, { figures: { psnrDb: 24, contrast: 0.9 } });
    const sharp = { figures: { psnrDb: 23, contrast: 0.97 } };
    const [quickly, refined] = ['The quick decode keeps 90 % of the local contrast', 'the refined picture'];
    expect(whatIsSeen(shown(quick, picture('final', 2, sharp)), false)).toContain(`${quickly}, ${refined} 97 %.`);
    const before = picture('final', 1, { ...sharp, snrDb: 12 });
    expect(whatIsSeen(shown(quick, before), true)).toContain('until then the one before stays');
    expect(whatIsSeen(shown(quick), true)).toContain(`${quickly}; it is being refined.`);
    expect(whatIsSeen(shown(picture('final', 2, sharp)), false)).toContain('One pass of the decoder keeps 97 %');
  });

  it('claims nothing outside what the networks were trained for', () => {
    const trained = { min: 0, max: 20 };
    expect(outsideTraining(0, trained)).toBeNull();
    expect(outsideTraining(-1, trained)).toContain('Outside the 0 to 20 dB that the networks were trained for');
    expect(outsideTraining(21, trained)).toContain('more signal won’t help much');
    expect(outsideTraining(-50, null)).toBeNull();
  });
});
