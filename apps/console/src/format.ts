const MINUS = '−';
/** Stands where there is no figure. */
export const NONE = '–';

/** A figure with a fixed number of digits and a real minus sign; a dash where there is none. */
export function figure(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) {
    return NONE;
  }
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `${MINUS}${text}` : text;
}

/** A metric's figure of a single frame, which changes all the time: with a digit less than a mean. */
export function metricFigure(value: number | null, decimals: number): string {
  return figure(value, Math.max(0, decimals - 1));
}

/** The SNR that a receiver's networks were told, and what it is called: after equalisation, or estimated blindly. */
export function receiverSnr({
  effectiveSnrDb,
  estimatedSnrDb,
}: {
  readonly effectiveSnrDb: number | null;
  readonly estimatedSnrDb: number | null;
}): { readonly name: 'effective' | 'estimated'; readonly snrDb: number | null } {
  return effectiveSnrDb === null
    ? { name: 'estimated', snrDb: estimatedSnrDb }
    : { name: 'effective', snrDb: effectiveSnrDb };
}

/** Milliseconds as somebody reads them: `84 ms`, `1.42 s`. The number and its unit. */
export function duration(milliseconds: number | null | undefined): readonly [string, string] {
  if (milliseconds === null || milliseconds === undefined) {
    return [NONE, 'ms'];
  }
  return milliseconds < 1000
    ? [milliseconds.toFixed(milliseconds < 10 ? 1 : 0), 'ms']
    : [(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1), 's'];
}

export function durationText(milliseconds: number | null | undefined): string {
  return duration(milliseconds).join(' ');
}

/** `8.2 k`, `1.4 M`: three digits at most. */
export function metric(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined) {
    return NONE;
  }
  for (const [size, prefix] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(value) >= size) {
      return `${(value / size).toFixed(digits)} ${prefix}`;
    }
  }
  return value.toFixed(value < 10 ? digits : 0);
}

/** `14:03:22`, by the clock of whoever looks. */
export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB');
}

/** `12 s`, `4 min`, `3 h`. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) {
    return `${seconds} s`;
  }
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** `brushes.jpg` → `brushes`. */
export function photoName(file: string): string {
  return file.replace(/\.[a-z0-9]+$/i, '');
}
