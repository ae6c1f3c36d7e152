/**
 * Run `work` with a signal that fires with the first of `signals`, and leave nothing at them afterwards.
 *
 * `AbortSignal.any` leaves a reference in each of its signals for as long as that lives (Node 20), so one that lives as
 * long as the process grows with every call.
 */
export async function withAnySignal<Result>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const first = new AbortController();
  const listeners = signals.map((signal) => ({ signal, abort: () => first.abort(signal.reason) }));
  for (const { signal, abort } of listeners) {
    if (signal.aborted) {
      abort();
    } else {
      signal.addEventListener('abort', abort);
    }
  }
  try {
    return await work(first.signal);
  } finally {
    for (const { signal, abort } of listeners) {
      signal.removeEventListener('abort', abort);
    }
  }
}
