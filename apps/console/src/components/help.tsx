import { useEffect, useRef } from 'preact/hooks';

const KEYS: readonly (readonly [keys: readonly string[], does: string])[] = [
  [['[', ']'], 'SNR one decibel down, up'],
  [['p'], 'pause or resume the stream'],
  [['w'], 'pictures side by side, or one over the other with an edge'],
  [['←', '→'], 'move that edge'],
  [['+', '−', '0'], 'enlarge, reduce, whole picture; a double click enlarges, too'],
  [['f'], 'fill the page with the pictures'],
  [['t'], 'dark or light'],
  [['?'], 'this'],
];

/** What the page shows, and its keys. */
export function Help({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="help"
      onClose={onClose}
      onClick={({ target }) => target === dialog.current && onClose()}
    >
      <div>
        <h2>What this shows</h2>
        <p>
          A photograph crosses a radio channel as analogue symbols. The <em class="preview">preview</em> is what one
          pass of a decoder makes of them; the <em class="refined">refined</em> picture is what a sampler finds that
          explains them as well as the noise allows. Lower the SNR and watch the constellation smear and the picture
          soften instead of break.
        </p>
        <h2>Keys</h2>
        <dl>
          {KEYS.map(([keys, does]) => (
            <div key={does}>
              <dt>
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <button type="button" class="wide" onClick={onClose}>
          Close
        </button>
      </div>
    </dialog>
  );
}
