import { errorClass } from '@semcast/core';

/** A vector or a tensor doesn't have the size that its layout or its partner ask for. */
export class ShapeError extends errorClass(
  'ShapeError',
  'E_SHAPE',
  'check that both sides agree on bundle, rate and image size',
) {}

/** A signal has no power that could be measured: empty, or not finite. */
export class PowerError extends errorClass(
  'PowerError',
  'E_POWER',
  'check what the encoder gave, or what came over the air',
) {}

/** A waveform was named that doesn't exist, or with options that it doesn't have. */
export class WaveformError extends errorClass(
  'WaveformError',
  'E_WAVEFORM',
  'correct the name or the named options; both ends need the same release',
) {}
