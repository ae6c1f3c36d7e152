/** What the encoder prepares for before anything came back, in dB. */
export const INITIAL_DESIGN_CSNR_DB = 10;

/** The channel SNR that the next frame is encoded for: the newest estimate of the receiver, or a fixed one. */
export class DesignCsnr {
  readonly #limits: { readonly min: number; readonly max: number };
  #estimateDb = INITIAL_DESIGN_CSNR_DB;

  /** @param limits of the bundle: outside them the encoder was never trained. */
  constructor(limits: { readonly min: number; readonly max: number }) {
    this.#limits = limits;
  }

  /** A result came back with this estimate; null when the receiver couldn't make one. */
  observe(estimatedDb: number | null): void {
    if (estimatedDb !== null && Number.isFinite(estimatedDb)) {
      this.#estimateDb = estimatedDb;
    }
  }

  /** In dB, within the limits. */
  next(wanted: number | 'feedback'): number {
    const db = wanted === 'feedback' ? this.#estimateDb : wanted;
    return Math.min(Math.max(db, this.#limits.min), this.#limits.max);
  }
}
