/** For names that Node can't hand back to the file system as they are there. */
export const RENAME = 'its name on the disk is not in UTF-8: rename it (convmv does that for whole folders)';

/** Whether a name was not in UTF-8: it has the character by which Node replaces bytes that are none. */
export function isMisread(name: string): boolean {
  return name.includes('\uFFFD');
}
