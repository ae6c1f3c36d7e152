import { useState } from 'preact/hooks';

/** A switch of the page that the browser remembers. */
export function useRemembered(name: string, initially = false): readonly [boolean, (on: boolean) => void] {
  const key = `semcast-${name}`;
  const [on, set] = useState(() => {
    const stored = localStorage.getItem(key);
    return stored === null ? initially : stored === 'on';
  });
  return [
    on,
    (value) => {
      localStorage.setItem(key, value ? 'on' : 'off');
      set(value);
    },
  ];
}
