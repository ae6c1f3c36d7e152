/** Loaded before a service: its wall clock jumps by up to a day, forwards and backwards, all the time. */
const OwnDate = Date;
const DAY_MS = 86_400_000;
const EVERY_MS = 200;
let offsetMs = 0;
setInterval(() => {
  offsetMs = Math.round((2 * Math.random() - 1) * DAY_MS);
}, EVERY_MS).unref();

class JumpingDate extends OwnDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [JumpingDate.now()] : given) as [number]));
  }

  static override now(): number {
    return OwnDate.now() + offsetMs;
  }
}
globalThis.Date = JumpingDate as unknown as DateConstructor;
