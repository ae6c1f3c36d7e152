import { useEffect, useState } from 'preact/hooks';

export type Theme = 'dark' | 'light';

const KEY = 'semcast-theme';
const systemDark = matchMedia('(prefers-color-scheme: dark)');

function chosen(): Theme | null {
  const stored = localStorage.getItem(KEY);
  return stored === 'dark' || stored === 'light' ? stored : null;
}

function inForce(): Theme {
  return chosen() ?? (systemDark.matches ? 'dark' : 'light');
}

/** At once, and before anything is drawn: canvases read their colours from the style sheet. */
function apply(theme: Theme): Theme {
  document.documentElement.dataset['theme'] = theme;
  return theme;
}

/** The theme in force: the system's, until somebody chooses; choosing the system's own gives it back to the system. */
export function useTheme(): { readonly theme: Theme; readonly toggle: () => void } {
  const [theme, setTheme] = useState<Theme>(() => apply(inForce()));
  useEffect(() => {
    const follow = (): void => setTheme(apply(inForce()));
    systemDark.addEventListener('change', follow);
    return () => systemDark.removeEventListener('change', follow);
  }, []);
  const toggle = (): void => {
    const next = inForce() === 'dark' ? 'light' : 'dark';
    if (next === (systemDark.matches ? 'dark' : 'light')) {
      localStorage.removeItem(KEY);
    } else {
      localStorage.setItem(KEY, next);
    }
    setTheme(apply(next));
  };
  return { theme, toggle };
}

/** Colours that canvases need: those of the style sheet, which decides. */
export interface Palette {
  readonly text: string;
  readonly dim: string;
  readonly line: string;
  readonly series: readonly string[];
  readonly warn: string;
  readonly bad: string;
  readonly event: string;
}

/** Names of the style sheet's colours by what they stand for. */
export const SERIES = { neutral: 0, estimate: 1, preview: 2, refined: 3, extra: 4 } as const;

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: colour('text'),
    dim: colour('dim'),
    line: colour('line'),
    series: ['neutral', 'estimate', 'preview', 'refined', 'extra'].map((name) => colour(name)),
    warn: colour('warn'),
    bad: colour('bad'),
    event: colour('event'),
  };
}
