import type { Device } from '@semcast/bundle';

/** `skipped`: it can't be told before another problem is solved. */
export type CheckStatus = 'ok' | 'warning' | 'problem' | 'skipped';

/** The result of a check: one line, and what to do when something is wrong. */
export interface CheckResult {
  readonly status: CheckStatus;
  readonly text: string;
  readonly remedy?: string;
}

export interface CheckOptions {
  /** The bundle's folder; the default one when undefined. */
  readonly bundle: string | undefined;
  readonly device: Device;
  /** The ports that the services are about to take. */
  readonly portBase: number;
}

/** One thing to look at. It must not throw for what it is meant to find. */
export interface Check {
  /** Its key in the registry and in the JSON. */
  readonly name: string;
  readonly title: string;
  run(options: CheckOptions): Promise<CheckResult>;
}

export const ok = (text: string): CheckResult => ({ status: 'ok', text });
export const warning = (text: string, remedy: string): CheckResult => ({ status: 'warning', text, remedy });
export const problem = (text: string, remedy: string): CheckResult => ({ status: 'problem', text, remedy });
export const skipped = (text: string): CheckResult => ({ status: 'skipped', text });
