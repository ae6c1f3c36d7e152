import { frequencyResponse } from '@semcast/channel-models';
import { shownDecibels, type ResponseFact } from '@semcast/console-messages';
import { complexCount, meanPower, powerSpectrum, type Tap } from '@semcast/core';
import type { HeardFrame } from './impair-frame.js';

/** Frequencies at which the gain is told, and moments of a frame. */
const GAINS = 256;
/** Bins of the spectrum, and the segments that it is averaged over. */
const SPECTRUM = { bins: 128, maxSegments: 64 } as const;
const MAX_TAPS = 128;

/** What a frame met, as curves of bounded size. */
export function responseOf({ impaired }: HeardFrame): Omit<ResponseFact, 'kind' | 'stream' | 'frame'> {
  const { samples, channel } = impaired;
  const taps = channel.taps ?? [];
  const spectrum = powerSpectrum(samples, SPECTRUM);
  return {
    gainDb: Array.from(frequencyResponse(channel.taps, complexCount(samples), GAINS), shownDecibels),
    gainOverFrameDb: taps.length === 1 ? gainOverFrame(taps[0]!, complexCount(samples)) : null,
    taps:
      channel.taps === null
        ? [{ delay: 0, powerDb: 0 }]
        : taps
            .slice(0, MAX_TAPS)
            .map(({ delay, gains }) => ({ delay, powerDb: shownDecibels(meanPower(gains.values)) })),
    spectrumDb: spectrum === null ? null : Array.from(spectrum, shownDecibels),
  };
}

/** Null where the path's gain is constant. */
function gainOverFrame({ gains: { coherence, values } }: Tap, sampleCount: number): number[] | null {
  const moments = Math.min(sampleCount, GAINS);
  return values.length <= 2
    ? null
    : Array.from({ length: moments }, (_, i) => {
        const gain = 2 * Math.floor(Math.floor((i * sampleCount) / moments) / coherence);
        return shownDecibels(values[gain]! ** 2 + values[gain + 1]! ** 2);
      });
}
