import { useEffect, useRef } from 'preact/hooks';

export type KeyActions = Readonly<Record<string, () => void>>;

/** Keys of the page. What is typed into a field is the field's, and combinations are the browser's. */
export function useKeys(actions: KeyActions): void {
  const current = useRef(actions);
  current.current = actions;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const inField = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
      if (event.ctrlKey || event.metaKey || event.altKey || (inField && event.key !== 'Escape')) {
        return;
      }
      const action = current.current[event.key];
      if (action !== undefined) {
        event.preventDefault();
        action();
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
