/** The CSNR that the encoder is given before the first result, in dB. */
export const INITIAL_DESIGN_CSNR_DB = 10;

/** The channel SNR that the next frame is encoded for: the newest that the receiver told its decoder, or a fixed one. */
export class DesignCsnr {
  #toldDb = INITIAL_DESIGN_CSNR_DB;

  /** A result came back with this CSNR after equalisation, or this estimate; null when the receiver has neither. */
  observe(toldDb: number | null): void {
    if (toldDb !== null && Number.isFinite(toldDb)) {
      this.#toldDb = toldDb;
    }
  }

  /** In dB. */
  next(wanted: number | 'feedback'): number {
    return wanted === 'feedback' ? this.#toldDb : wanted;
  }
}
