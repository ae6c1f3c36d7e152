/**
 * A text whose control characters are replaced, line breaks among them: texts of other hosts must not move the cursor
 * of a terminal, colour it, or look like lines of our own.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\ufffd');
}
