/**
 * What the best code of a length can do over the AWGN channel with antipodal signals, for the whole of K bits in n:
 * the normal approximation (Polyanskiy, Poor, Verdú, "Channel coding rate in the finite blocklength regime", IEEE
 * Trans. Inf. Theory 56(5), 2010, eq. 223), with C and V of that channel.
 *
 *     ε ≈ Q((n·C - K + ½·log2 n) / √(n·V))
 *
 * @param esN0Db mean power of a complex QPSK symbol over its noise variance
 */
export function normalApproximation(informationBits: number, sentBits: number, esN0Db: number): number {
  // QPSK is two antipodal signals of half the power in half the noise: LLRs ~ N(m, 2m), m = 2·Es/N0.
  const mean = 2 * 10 ** (esN0Db / 10);
  const deviation = Math.sqrt(2 * mean);
  let capacity = 0;
  let square = 0;
  const step = 0.01;
  for (let x = -8; x <= 8; x += step) {
    const weight = (step * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
    const density = 1 - Math.log2(1 + Math.exp(-(mean + deviation * x)));
    capacity += weight * density;
    square += weight * density * density;
  }
  const variance = square - capacity * capacity;
  const argument = (sentBits * capacity - informationBits + 0.5 * Math.log2(sentBits)) / Math.sqrt(sentBits * variance);
  return tail(argument);
}

/** Q(x), by its integral. */
function tail(x: number): number {
  let sum = 0;
  const step = 0.002;
  for (let t = x + step / 2; t < Math.max(x, 0) + 9; t += step) {
    sum += step * Math.exp((-t * t) / 2);
  }
  return Math.min(1, sum / Math.sqrt(2 * Math.PI));
}

/** The Es/N0 in dB at which the best code of a length has a block error rate. */
export function normalApproximationDb(informationBits: number, sentBits: number, bler: number): number {
  let low = -20;
  let high = 20;
  while (high - low > 1e-3) {
    const middle = (low + high) / 2;
    if (normalApproximation(informationBits, sentBits, middle) > bler) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return high;
}
