import { DIGITAL, type ShownFrame, type ShownPicture } from '@semcast/console-messages';
import { figure } from './format.js';

/** Channel SNRs that the networks were trained for, in dB. */
export interface TrainedRange {
  readonly min: number;
  readonly max: number;
}

/** Small fractions that have names. */
const SHARES: readonly (readonly [share: number, name: string])[] = [
  [1 / 2, 'half'],
  [1 / 3, 'a third'],
  [1 / 4, 'a quarter'],
  [1 / 10, 'a tenth'],
  [1 / 100, 'a hundredth'],
];

/** `a quarter of the power of the signal` */
export function noiseInWords(snrDb: number): string {
  const share = 10 ** (-snrDb / 10);
  if (share > 0.8 && share < 1.25) {
    return 'the noise is as strong as the signal';
  }
  if (share > 1) {
    return `the noise is ${figure(share, share < 3 ? 1 : 0)} times as strong as the signal`;
  }
  const name = SHARES.find(([named]) => Math.abs(Math.log(share / named)) < 0.07)?.[1];
  return `the noise has ${name ?? `1/${figure(1 / share, 1 / share < 3 ? 1 : 0)}`} of the signal’s power`;
}

const quality = (picture: ShownPicture | undefined): number | undefined => picture?.figures?.['contrast'];
const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** Where an SNR lies outside what the networks were trained for; null inside. */
export function outsideTraining(snrDb: number, trained: TrainedRange | null): string | null {
  if (trained === null || (snrDb >= trained.min && snrDb <= trained.max)) {
    return null;
  }
  const below = snrDb < trained.min;
  return `Outside the ${figure(trained.min, 0)} to ${figure(trained.max, 0)} dB that the networks were trained for: ${
    below ? 'pictures may fall apart here' : 'more signal won’t help much here'
  }.`;
}

/** What is seen now, in plain words. */
export function whatIsSeen(frame: ShownFrame, refining: boolean): string {
  const isLost = frame.pictures.some(({ digital }) => digital?.lost === true);
  return `${ofNetworks(frame, refining)}${isLost ? ' The digital link has lost its picture.' : ''}`;
}

function ofNetworks({ pictures }: ShownFrame, refining: boolean): string {
  const at = (...stages: readonly ShownPicture['stage'][]): ShownPicture | undefined =>
    pictures.findLast(({ stage, decoder }) => stages.includes(stage) && decoder !== DIGITAL);
  const quick = at('preview');
  const refined = at('final', 'intermediate');
  const newest = quick ?? refined ?? pictures.at(-1);
  const snrDb = newest?.snrDb ?? newest?.effectiveSnrDb ?? newest?.estimatedSnrDb ?? null;
  const begin = snrDb === null ? 'The channel doesn’t tell its SNR.' : `At ${figure(snrDb)} dB ${noiseInWords(snrDb)}.`;
  if (quick === undefined && pictures.some(({ decoder, digital }) => decoder === DIGITAL && digital === undefined)) {
    return `${begin} The digital link either brings its picture through this, or nothing.`;
  }
  if (quick === undefined) {
    const kept = quality(refined);
    return `${begin} One pass of the decoder ${kept === undefined ? 'makes this picture of it.' : `keeps ${percent(kept)} of the local contrast.`}`;
  }
  const [soft, sharp] = [quality(quick), quality(refined)];
  const alike = refined !== undefined && (refined.frame === quick.frame || refined.snrDb === quick.snrDb);
  if (alike && soft !== undefined && sharp !== undefined) {
    return `${begin} The quick decode keeps ${percent(soft)} of the local contrast, the refined picture ${percent(sharp)}.`;
  }
  if (refined !== undefined && !alike) {
    return `${begin} The quick decode is of this signal already; the refined picture ${refining ? 'is being made, and until then the one before stays' : 'is of an earlier frame'}.`;
  }
  return `${begin} ${soft === undefined ? 'The quick decode is here' : `The quick decode keeps ${percent(soft)} of the local contrast`}; it is being refined.`;
}
