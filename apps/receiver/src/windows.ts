/**
 * The window of every stream when there are this many: an equal share of the places, within 1 … `creditsPerStream`.
 * With no more streams than places, the windows never sum to more than the places.
 */
export function fairWindow(
  streams: number,
  { maxQueue, creditsPerStream }: { maxQueue: number; creditsPerStream: number },
): number {
  return Math.max(1, Math.min(creditsPerStream, Math.floor(maxQueue / Math.max(1, streams))));
}
