import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { wordOf } from '../words.js';

/** The name of a quantity; what it is appears on hover, and on focus by keyboard or touch. */
export function Term({ word, children }: { readonly word: string; readonly children: ComponentChildren }) {
  const id = useId();
  const sentence = wordOf(word);
  return sentence === undefined ? (
    <span>{children}</span>
  ) : (
    <span class="term" tabIndex={0} role="note" aria-describedby={id} data-word={word}>
      {children}
      <span id={id} role="tooltip" class="sentence">
        {sentence}
      </span>
    </span>
  );
}
