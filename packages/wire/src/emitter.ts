type Listener<Args extends readonly unknown[]> = (...args: Args) => void;

/**
 * A small typed emitter; `Events` are names with arguments: `{ close: [end: LinkEnd] }`. Unlike Node's, an `error` without a listener doesn't end the process, and one listener that
 * throws doesn't keep an event from the others.
 */
export class Emitter<Events extends { [Name in keyof Events]: readonly unknown[] }> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Call `listener` at every `event`; returns a function that stops it. */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    let listeners = this.#listeners.get(event);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(event, listeners);
    }
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /**
   * Call the listeners in the order in which they came.
   *
   * @throws the first error that a listener threw, after all of them were called.
   */
  protected emit<Name extends keyof Events>(event: Name, ...args: Events[Name]): void {
    const listeners = this.#listeners.get(event);
    if (listeners === undefined) {
      return;
    }
    let failure: { readonly error: unknown } | undefined;
    for (const listener of listeners) {
      try {
        (listener as unknown as Listener<Events[Name]>)(...args);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) {
      throw failure.error;
    }
  }
}
