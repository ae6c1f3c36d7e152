import { errorClass } from '@semcast/core';

/** `E_UNFIT_PICTURE`: bytes that came through a channel code are no picture of the size that was sent. */
export class UnfitPictureError extends errorClass(
  'UnfitPictureError',
  'E_UNFIT_PICTURE',
  'run the same release of semcast on both ends',
) {}

/** `E_TRANSPORT_THREAD`: a thread that codes transport blocks failed, could not start, or is closed. */
export class TransportThreadError extends errorClass(
  'TransportThreadError',
  'E_TRANSPORT_THREAD',
  'send the photograph again; if memory ran out, send it smaller',
) {}
