import { Dialog } from './dialog.js';

const KEYS: readonly (readonly [keys: readonly string[], does: string])[] = [
  [['[', ']'], 'SNR one decibel down, up'],
  [['p'], 'pause or resume the stream'],
  [['w'], 'pictures side by side, or one over the other with an edge'],
  [['←', '→'], 'move that edge'],
  [['+', '−', '0'], 'enlarge, reduce, whole picture; a double click enlarges, too'],
  [['f'], 'fill the page with the pictures'],
  [['d'], 'details: signal, settings, curves, past frames'],
  [['t'], 'dark or light'],
  [['?'], 'this'],
];

/** What the page shows, and its keys. */
export function Help({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog class="help" label="what this shows" onClose={onClose}>
      <h2>What this shows</h2>
      <p>
        A photograph crosses a radio channel as analogue symbols. The <em class="preview">quick decode</em> is what one
        pass of a network makes of them; the <em class="refined">refined</em> picture is what a generative model finds
        that explains them as well as the noise allows. Lower the SNR and watch the constellation smear: down to the end
        of what the networks were trained for, the picture softens and doesn’t break.
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
    </Dialog>
  );
}
