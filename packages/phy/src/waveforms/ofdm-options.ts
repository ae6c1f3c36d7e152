import { z } from 'zod';

const MAX_FFT_SIZE = 4096;
/** A transform with a prime factor p costs p/2 multiplications a sample, for which a receiver's other frames wait. */
const MAX_PRIME_FACTOR = 127;
const MAX_TAPS = 128;

/** What {@link ofdm} is configured by. */
export const ofdmOptionsSchema = z
  .strictObject({
    fftSize: z
      .int()
      .min(2)
      .max(MAX_FFT_SIZE)
      .refine((size) => largestPrimeFactor(size) <= MAX_PRIME_FACTOR, `has a prime factor above ${MAX_PRIME_FACTOR}`)
      .default(256)
      .describe('carriers, guards included; DC is used'),
    prefix: z.int().min(0).max(MAX_FFT_SIZE).default(16).describe('samples of the cyclic prefix, below fftSize'),
    guard: z.int().min(0).max(MAX_FFT_SIZE).default(0).describe('carriers left empty at each edge of the band'),
    pilots: z
      .enum(['preamble', 'comb', 'none'])
      .default('preamble')
      .describe('known QPSK: an OFDM symbol before the others, or some carriers of each'),
    pilotSpacing: z.int().min(2).max(MAX_FFT_SIZE).default(8).describe('comb: every so many carriers is a pilot'),
    clipping: z.number().min(0).max(100).default(0).describe('largest magnitude of samples over their RMS; 0: any'),
    estimator: z
      .enum(['lmmse', 'ls', 'genie', 'blind'])
      .default('lmmse')
      .describe("how the receiver knows the channel: from pilots, told (genie), or from the codec's symbols (blind)"),
    taps: z
      .int()
      .min(1)
      .max(MAX_TAPS)
      .default(8)
      .describe('samples of delay that the estimate of the channel and of the noise accounts for, fewer than pilots'),
    decay: z
      .number()
      .min(0.01)
      .max(1e6)
      .default(4)
      .describe('lmmse, blind: the power of tap l is taken to be proportional to exp(-l/decay)'),
    equaliser: z.enum(['mmse', 'zf']).default('mmse').describe('least error, or division by the gain'),
  })
  .superRefine((options, context) => {
    if (context.issues.length > 0) {
      return;
    }
    const complain = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    const { fftSize, prefix, guard, pilots, taps } = options;
    if (prefix >= fftSize) {
      complain('prefix', `must be below fftSize, ${fftSize}`);
    }
    if (2 * guard >= fftSize) {
      complain('guard', `twice as many must be fewer than fftSize, ${fftSize}`);
      return;
    }
    const { pilotBins, dataBins } = carriersOf(options);
    if (dataBins.length === 0) {
      complain('pilotSpacing', 'leaves no carrier for data');
    }
    if (pilots !== 'none' && taps >= pilotBins.length) {
      complain('taps', `must be fewer than the ${pilotBins.length} pilots of an OFDM symbol`);
    }
  });

export type OfdmOptions = z.output<typeof ofdmOptionsSchema>;

/** The used carriers, in ascending frequency, as bins of the transform; pilots are all of a preamble, or a comb's. */
export function carriersOf({ fftSize, guard, pilots, pilotSpacing }: OfdmOptions) {
  const lowest = guard - Math.floor(fftSize / 2);
  const used = Array.from({ length: fftSize - 2 * guard }, (_, i) => (lowest + i + fftSize) % fftSize);
  const isPilot = (_: number, i: number): boolean => pilots === 'comb' && i % pilotSpacing === 0;
  return {
    used: used.length,
    pilotBins: pilots === 'comb' ? used.filter(isPilot) : used,
    dataBins: used.filter((bin, i) => !isPilot(bin, i)),
  };
}

function largestPrimeFactor(size: number): number {
  let largest = 1;
  let rest = size;
  for (let factor = 2; rest > 1; factor++) {
    for (; rest % factor === 0; rest /= factor) {
      largest = factor;
    }
  }
  return largest;
}
