import { createSpinner } from '../terminal/progress.js';
import type { LiveLine, Terminal } from '../terminal/terminal.js';
import { printable } from '../terminal/width.js';

/** The services as they come up: a line for each that is ready, and one that lives for those that aren't. */
export class BootView implements LiveLine {
  readonly #terminal: Terminal;
  readonly #waiting: Set<string>;
  readonly #nameWidth: number;
  readonly #startedAt = performance.now();
  readonly #spinner = createSpinner();

  constructor(terminal: Terminal, services: readonly string[]) {
    this.#terminal = terminal;
    this.#waiting = new Set(services);
    this.#nameWidth = Math.max(...services.map((name) => name.length));
  }

  /** A service is ready: say where, and what it is about. */
  ready(service: string, url: string, about: string): void {
    this.#waiting.delete(service);
    const { colours } = this.#terminal;
    this.#terminal.note(
      `  ${colours.green('✓')} ${colours.bold(service.padEnd(this.#nameWidth))}  ${colours.cyan(url.padEnd(22))}  ${colours.dim(printable(about))}`,
    );
  }

  render(): string {
    const { colours } = this.#terminal;
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1);
    return `  ${colours.cyan(this.#spinner())} starting ${[...this.#waiting].join(', ')} ${colours.dim(`${seconds} s`)}`;
  }
}
