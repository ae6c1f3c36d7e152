export { ImageUnreadableError } from './errors.js';
export { IMAGE_FORMATS, imageFormatOf, type ImageFormat } from './formats.js';
export { openImage, type OpenedImage, type OpenImageOptions } from './open-image.js';
export { renderSvg, type RgbaImage } from './loaders.js';
