import { SemcastError } from '@semcast/core';

/** A vector or a tensor doesn't have the size that its layout, its gains or its partner ask for. */
export class ShapeError extends SemcastError {
  override readonly name = 'ShapeError';

  constructor(message: string) {
    super('E_SHAPE', message, { remedy: 'check that both sides agree on bundle, rate and image size' });
  }
}

/** A signal has no power that could be normalised or measured: empty, all zero, or not finite. */
export class PowerError extends SemcastError {
  override readonly name = 'PowerError';

  constructor(message: string) {
    super('E_POWER', message, { remedy: 'check what the encoder gave, or what came over the air' });
  }
}
