import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** What lies over the page until it is closed: by its button, by Escape, or by a click beside it. */
export function Dialog({
  class: className,
  label,
  onClose,
  children,
}: {
  readonly class: string;
  readonly label: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={className}
      aria-label={label}
      onClose={onClose}
      onKeyDown={({ key }) => key === 'Escape' && onClose()}
      onClick={({ target }) => target === dialog.current && onClose()}
    >
      <div>{children}</div>
    </dialog>
  );
}
