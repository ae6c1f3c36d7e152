/** A word as a shell takes it: as it is where that is safe, else in single quotes. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_/.,:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The command line that was typed, to be copied into a shell: `semcast sweep --images 'my photos'`. */
export function commandLine(name: string, argv: readonly string[]): string {
  return ['semcast', name, ...argv].map(quoted).join(' ');
}
