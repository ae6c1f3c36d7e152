import { stripVTControlCharacters } from 'node:util';
import { printable as replaceControls } from '@semcast/core';

const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
// East Asian wide and fullwidth forms, and emoji: two columns each.
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^\p{Emoji_Presentation}/u;

function characterWidth(character: string): number {
  return ZERO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** Columns that a text takes on a terminal: colours take none, wide characters two. */
export function visibleWidth(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    width += characterWidth(character);
  }
  return width;
}

/** A plain text of at most `width` columns; what is cut is marked by an ellipsis. Colours are lost when it is cut. */
export function truncate(text: string, width: number): string {
  if (visibleWidth(text) <= width) {
    return text;
  }
  let result = '';
  let used = 1;
  for (const character of stripVTControlCharacters(text)) {
    used += characterWidth(character);
    if (used > width) {
      break;
    }
    result += character;
  }
  return width <= 0 ? '' : `${result}…`;
}

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
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && visibleWidth(line) + 1 + visibleWidth(word) > width) {
        lines.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    lines.push(line);
  }
  return lines;
}

/** Words of other hosts and names of files, without what could move the cursor or colour the screen. */
export function printable(text: string): string {
  return replaceControls(stripVTControlCharacters(text));
}
