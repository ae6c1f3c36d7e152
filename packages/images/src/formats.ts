/** The image formats that are read. */
export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** First bytes of a file, each character a byte; a full stop stands for any byte. */
const SIGNATURES = {
  jpeg: [/^\xff\xd8\xff/],
  png: [/^\x89PNG\r\n/],
  webp: [/^RIFF[^]{4}WEBP/],
  tiff: [/^II\*\0/, /^MM\0\*/, /^II\+\0/, /^MM\0\+/],
  gif: [/^GIF8[79]a/],
  // The brands of a still picture and of a sequence; mif1 and msf1 are the general ones, under which AVIF comes too.
  avif: [/^[^]{4}ftyp(avif|avis|mif1|msf1)/],
} as const satisfies Record<ImageFormat, readonly RegExp[]>;

const LONGEST_SIGNATURE = 12;

/** The format that a file's first bytes say, whatever its name; undefined for any other than {@link IMAGE_FORMATS}. */
export function imageFormatOf(bytes: Uint8Array): ImageFormat | undefined {
  const start = Buffer.from(bytes.subarray(0, LONGEST_SIGNATURE)).toString('latin1');
  return IMAGE_FORMATS.find((format) => SIGNATURES[format].some((signature) => signature.test(start)));
}
