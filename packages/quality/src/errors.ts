import { SemcastError } from '@semcast/core';

export type QualityErrorCode =
  /** The two pictures of a comparison differ in size. */
  | 'E_IMAGE_SIZES'
  /** A picture's data doesn't have 3·width·height bytes, or its sides are no positive integers. */
  | 'E_IMAGE_DATA'
  /** Features are no [patches, F] matrix of finite numbers, or the two sets differ in F. */
  | 'E_FEATURES'
  /** A set has too few patches for the statistics asked of it. */
  | 'E_TOO_FEW_PATCHES'
  /** Moments are no mean and covariance of one dimension. */
  | 'E_MOMENTS';

/** A comparison that has no answer, as opposed to one whose answer is null because a picture is small. */
export class QualityError extends SemcastError {
  override readonly name = 'QualityError';

  constructor(code: QualityErrorCode, message: string, remedy: string) {
    super(code, message, { remedy });
  }
}
