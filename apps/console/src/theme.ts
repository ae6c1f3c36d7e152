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

/** What colours stand for, in pictures, figures and curves alike; names of the style sheet. */
export type Tone = 'neutral' | 'estimate' | 'preview' | 'refined' | 'extra';

/** The style of what has the colour of a tone. */
export function inTone(tone: Tone): { readonly '--tone': string } {
  return { '--tone': `var(--${tone})` };
}

/** A colour for a canvas: the style sheet's, which decides. */
export function colourOf(name: Tone | 'text' | 'dim' | 'line' | 'warn' | 'bad' | 'event' | 'panel'): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
