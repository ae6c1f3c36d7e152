/**
 * Edits from one text to another: insertions, deletions, replacements, and swaps of neighbours
 * (optimal string alignment; Damerau 1964).
 */
export function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const current = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let edits = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        edits = Math.min(edits, beforePrevious[j - 2]! + 1);
      }
      current.push(edits);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length]!;
}

/** Longer texts than any name are not compared: the time grows with the product of the lengths. */
const MAX_COMPARED_CHARACTERS = 100;

/** The known name that was probably meant; undefined when none is near. Case doesn't count as a difference. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  if (wanted.length > MAX_COMPARED_CHARACTERS) {
    return undefined;
  }
  let nearest: string | undefined;
  // A third of the letters may be wrong, and one always may.
  let limit = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const lower = candidate.toLowerCase();
    // A beginning counts as near, however much is missing.
    const edits = wanted.length >= 3 && lower.startsWith(wanted) ? 0.5 : editDistance(wanted, lower);
    if (edits < limit) {
      limit = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

/** Most names listed when none is near. */
const MAX_LISTED_NAMES = 12;

/** What to add after naming something unknown: `; did you mean "port"?`, or which names there are, or nothing. */
export function suggestName(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) {
    return `; did you mean "${nearest}"?`;
  }
  const listed = known.slice(0, MAX_LISTED_NAMES).join(', ') + (known.length > MAX_LISTED_NAMES ? ', …' : '');
  return known.length === 0 ? '' : `; known are ${listed}`;
}
