/** Closed forms of the bit error rate of Gray-mapped QPSK with perfect channel state, at a mean Eb/N0 given as a ratio. */

/** Complementary error function, by the Chebyshev fit of Press et al., "Numerical Recipes", §6.2 (relative 1.2e-7). */
export function erfc(x: number): number {
  const z = Math.abs(x);
  const t = 2 / (2 + z);
  const coefficients = [
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
    -1.26551223,
  ];
  const polynomial = coefficients.reduce((sum, coefficient) => sum * t + coefficient);
  const tail = t * Math.exp(-z * z + polynomial);
  return x >= 0 ? tail : 2 - tail;
}

/** Q(x) = P(N(0, 1) > x). */
export function gaussianTail(x: number): number {
  return erfc(x / Math.SQRT2) / 2;
}

/** Simpson's rule over `intervals` (even) equal intervals. */
export function integrate(f: (x: number) => number, from: number, to: number, intervals = 400): number {
  const step = (to - from) / intervals;
  let sum = f(from) + f(to);
  for (let i = 1; i < intervals; i++) {
    sum += (i % 2 === 0 ? 2 : 4) * f(from + i * step);
  }
  return (sum * step) / 3;
}

/** On AWGN: Q(√(2·Eb/N0)) (Proakis, Salehi, "Digital Communications", 2008, section 4.3). */
export function berAwgn(ebN0: number): number {
  return gaussianTail(Math.sqrt(2 * ebN0));
}

/** On Rayleigh fading: ½(1 - √(γ/(1+γ))), γ = Eb/N0 (Proakis, Salehi, section 13.3). */
export function berRayleigh(ebN0: number): number {
  return (1 - Math.sqrt(ebN0 / (1 + ebN0))) / 2;
}

/**
 * On Rician fading: 1/π ∫ M(-1/sin²θ) dθ over 0 … π/2, with M the moment generating function of the SNR
 * (Simon, Alouini, "Digital Communication over Fading Channels", 2005, sections 2.2.1 and 8.2.1).
 *
 * @param kFactor power of the line of sight over the scattered power: 0 is Rayleigh fading, Infinity none at all
 */
export function berRician(ebN0: number, kFactor: number): number {
  if (kFactor === 0) {
    return berRayleigh(ebN0);
  }
  if (kFactor === Infinity) {
    return berAwgn(ebN0);
  }
  const integrand = (theta: number): number => {
    const lowered = (1 + kFactor) * Math.sin(theta) ** 2;
    return (lowered / (lowered + ebN0)) * Math.exp((-kFactor * ebN0) / (lowered + ebN0));
  };
  return integrate(integrand, 0, Math.PI / 2, 2000) / Math.PI;
}
