/** A sentence for each quantity of the page, shown on hover and focus. */
export const WORDS = {
  snr: 'Signal-to-noise ratio of the channel, per complex symbol: 10 dB is ten times more signal than noise, 0 dB as much of each.',
  'snr-effective':
    'CSNR, the channel SNR after equalisation: what is left of it once fading has been undone. The networks are told this one.',
  'snr-estimated': 'The channel SNR as the receiver estimates it from the signal alone, because nobody told it.',
  psnr: 'Peak signal-to-noise ratio of the picture: how close it is to the original, pixel by pixel. A soft picture has a higher one than a picture with texture that isn’t quite the original’s.',
  psnrDb:
    'Peak signal-to-noise ratio of the picture: how close it is to the original, pixel by pixel. A soft picture has a higher one than a picture with texture that isn’t quite the original’s.',
  contrast:
    'The contrast term of SSIM: whether each spot has as much light and dark as in the original; 1 is the same. It falls for blur and for noise, and rises where texture comes back. It doesn’t ask whether each detail is the right one, and is no perceptual distance: those need networks that don’t come with semcast.',
  ssim: 'Structural similarity to the original in windows of 11 pixels; 1 is the same.',
  msSsim:
    'Structural similarity at five scales; 1 is the same. It compares detail with detail, so it falls a little when texture is put back that isn’t exactly the original’s.',
  residual:
    'Measurement residual: the picture is encoded again and compared with what was received, in multiples of the noise. About 1 explains the signal as well as noise allows; far above, the picture has left the measurement; far below, it explains noise, too.',
  latency: 'From reading the photograph to its picture, there and back, on the transmitter’s clock.',
  rate: 'Frames that came back, over the last ten seconds.',
  cbr: 'Channel bandwidth ratio: complex symbols sent for each value of a colour channel. 1/24 of a 256 × 256 photograph is 8,192 symbols.',
  digital:
    'The same photograph as an AVIF file behind the channel code of 5G (LDPC) and QAM, over the same number of symbols, while this page is open. Sent for one SNR, it comes exactly or, below that, not at all.',
  genie:
    'Genie channel state: the receiver is told the channel exactly. “None” has it estimate from pilots, or from the signal.',
  n0: 'Noise variance per complex sample; symbols have unit power.',
} as const;

export type Word = keyof typeof WORDS;

export function wordOf(name: string): string | undefined {
  return (WORDS as Readonly<Record<string, string>>)[name];
}
