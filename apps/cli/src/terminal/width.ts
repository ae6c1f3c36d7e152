import { stripVTControlCharacters } from 'node:util';
import { printable as replaceControls } from '@semcast/core';
import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

/** Columns that a text takes on a terminal: colours take none, wide characters two. */
export const visibleWidth = (text: string): number => stringWidth(text);

/** A text of at most `width` columns; what is cut is marked by an ellipsis. */
export const truncate = (text: string, width: number): string => cliTruncate(text, width);

/** Fill up with spaces to `width` columns, or cut to it. */
export function fit(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const cut = truncate(text, width);
  const space = ' '.repeat(Math.max(0, width - visibleWidth(cut)));
  return align === 'left' ? cut + space : space + cut;
}

/**
 * Break a text at spaces into lines of at most `width` columns; a word that is wider stands alone.
 * Line breaks of the text stay.
 */
export const wrap = (text: string, width: number): string[] => wrapAnsi(text, width).split('\n');

/** Words of other hosts and names of files, without what could move the cursor or colour the screen. */
export function printable(text: string): string {
  return replaceControls(stripVTControlCharacters(text));
}
