import { ScheduleError } from './errors.js';

/** Steps that a schedule may have. */
export const MAX_STEPS = 1000;

/** What every schedule needs: N steps whose σ fall from `sigmaMax` to `sigmaMin`, both included. */
export interface ScheduleOptions {
  readonly steps: number;
  readonly sigmaMax: number;
  readonly sigmaMin: number;
}

/** σ of N steps, falling; the last step goes on to 0, which isn't in the list. One step is `sigmaMax` alone. */
export type SigmaSchedule = (options: ScheduleOptions) => number[];

function checkSchedule({ steps, sigmaMax, sigmaMin }: ScheduleOptions): void {
  if (!Number.isSafeInteger(steps) || steps < 1 || steps > MAX_STEPS) {
    throw new ScheduleError(`a schedule can't have ${steps} steps`);
  }
  if (!(sigmaMin > 0 && sigmaMax < Infinity && sigmaMin < sigmaMax)) {
    throw new ScheduleError(`sigma can't fall from ${sigmaMax} to ${sigmaMin}`);
  }
}

/** σ_i = from(to(σ_max) + i/(N-1)·(to(σ_min) - to(σ_max))): even steps in some function of σ, its ends exact. */
function evenlyIn(
  { steps, sigmaMax, sigmaMin }: ScheduleOptions,
  to: (sigma: number) => number,
  from: (value: number) => number,
): number[] {
  const [first, last] = [to(sigmaMax), to(sigmaMin)];
  return Array.from({ length: steps }, (_, i) => {
    if (i === 0) {
      return sigmaMax;
    }
    return i === steps - 1 ? sigmaMin : from(first + (i / (steps - 1)) * (last - first));
  });
}

/** ρ of {@link karras}, the paper's: larger would spend more steps at small σ. */
const RHO = 7;

/**
 * Even steps in σ^(1/ρ): σ_i = (σ_max^(1/ρ) + i/(N-1)·(σ_min^(1/ρ) - σ_max^(1/ρ)))^ρ, ρ = 7.
 *
 * Karras, Aittala, Aila, Laine 2022 ("Elucidating the design space of diffusion-based generative models"), eq. 5.
 *
 * @throws ScheduleError
 */
export function karras(options: ScheduleOptions): number[] {
  checkSchedule(options);
  return evenlyIn(
    options,
    (sigma) => sigma ** (1 / RHO),
    (value) => value ** RHO,
  );
}

const DDPM_STEPS = 1000;
const DDPM_BETA_FIRST = 1e-4;
const DDPM_BETA_LAST = 0.02;

/** log ᾱ_t for t = 0 … 1000, ᾱ_t = Π(1 - β_s), β_s linear from 1e-4 to 0.02 (Ho, Jain, Abbeel 2020, section 4). */
const ddpmLogAlphaBar = (() => {
  const table = new Float64Array(DDPM_STEPS + 1);
  for (let t = 1; t <= DDPM_STEPS; t++) {
    const beta = DDPM_BETA_FIRST + ((t - 1) / (DDPM_STEPS - 1)) * (DDPM_BETA_LAST - DDPM_BETA_FIRST);
    table[t] = table[t - 1]! + Math.log1p(-beta);
  }
  return table;
})();

/**
 * σ = √((1 - ᾱ_t)/ᾱ_t) of step t of the 1000 linear-β steps of DDPM: what `t_s = 235` in a paper means in terms of σ.
 *
 * @param t from 0 (σ = 0) to 1000 (σ ≈ 157.4); between two steps log ᾱ is interpolated linearly
 * @throws ScheduleError
 */
export function ddpmSigma(t: number): number {
  if (!(t >= 0 && t <= DDPM_STEPS)) {
    throw new ScheduleError(`DDPM's table has no step ${t}`);
  }
  const below = Math.min(Math.floor(t), DDPM_STEPS - 1);
  const low = ddpmLogAlphaBar[below]!;
  return Math.sqrt(Math.expm1(Math.abs(low + (t - below) * (ddpmLogAlphaBar[below + 1]! - low))));
}

/** The step t of DDPM's table, not necessarily a whole one, at which `ddpmSigma` is σ. */
function ddpmStep(sigma: number): number {
  const logAlphaBar = -Math.log1p(sigma * sigma);
  let below = 0;
  let above = DDPM_STEPS;
  while (above - below > 1) {
    const middle = (below + above) >> 1;
    if (ddpmLogAlphaBar[middle]! >= logAlphaBar) {
      below = middle;
    } else {
      above = middle;
    }
  }
  return below + (logAlphaBar - ddpmLogAlphaBar[below]!) / (ddpmLogAlphaBar[above]! - ddpmLogAlphaBar[below]!);
}

/**
 * Even steps in t of DDPM's linear-β table, between the t of `sigmaMax` and that of `sigmaMin`.
 *
 * From σ_1000 to σ_1 in 1000 steps it is the table itself.
 *
 * @throws ScheduleError, also where `sigmaMax` is beyond the table's last, 157.4
 */
export function ddpm(options: ScheduleOptions): number[] {
  checkSchedule(options);
  if (options.sigmaMax > ddpmSigma(DDPM_STEPS)) {
    throw new ScheduleError(
      `DDPM's table ends at sigma ${ddpmSigma(DDPM_STEPS).toFixed(2)}, below ${options.sigmaMax}`,
    );
  }
  return evenlyIn(options, ddpmStep, ddpmSigma);
}

/** Every noise schedule by name. */
export const schedules = { karras, ddpm } as const satisfies Record<string, SigmaSchedule>;

export type ScheduleName = keyof typeof schedules;
export const scheduleNames = Object.keys(schedules) as [ScheduleName, ...ScheduleName[]];
