export { compress, type CompressedPicture, type CompressOptions } from './compress.js';
export { CompressedBlocks } from './compressed-blocks.js';
export { DIGITAL_FORMATS, type DigitalFormat } from './codings.js';
export {
  decodePicture,
  encodePicture,
  greyPicture,
  linkFormat,
  type DecodedPicture,
  type LinkFormat,
  type TransportCoder,
} from './link.js';
export { DIGITAL_DECODER, digitalOptionsSchema, type DigitalOptions } from './options.js';
export { TransportThreads } from './transport-threads.js';
