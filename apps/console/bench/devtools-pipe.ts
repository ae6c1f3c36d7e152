import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the browser says: an answer to a call, or an event. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

type Settle = { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void };

/**
 * A headless browser with one page, spoken to over its debugging pipe with the domains that one asks for and no others.
 *
 * A test driver turns all of them on. The network's keeps what was loaded: with it the memory of a page that loads
 * pictures grows by megabytes a minute, whatever the page does.
 */
export class PipedBrowser {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #calls = new Map<number, Settle>();
  readonly #listeners = new Map<string, (params: Record<string, unknown>) => void>();
  #received = '';
  #lastId = 0;
  #sessionId: string | undefined;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    const pipe = child.stdio[4] as Readable;
    pipe.setEncoding('utf8');
    pipe.on('data', (text: string) => this.#take(text));
    child.once('exit', () => this.#fail(new Error('the browser ended')));
  }

  /** Process id of the browser itself; its renderers are its descendants. */
  get pid(): number {
    return this.#child.pid!;
  }

  static async start(executable: string, url: string): Promise<PipedBrowser> {
    const profile = await mkdtemp(join(tmpdir(), 'semcast-chromium-'));
    const child = spawn(
      executable,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--window-size=1280,900',
        `--user-data-dir=${profile}`,
        '--remote-debugging-pipe',
        url,
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    const browser = new PipedBrowser(child, profile);
    for (;;) {
      const { targetInfos } = await browser.send<{ targetInfos: { type: string; url: string; targetId: string }[] }>(
        'Target.getTargets',
      );
      const page = targetInfos.find((target) => target.type === 'page' && target.url.startsWith(url));
      if (page !== undefined) {
        const attached = await browser.send<{ sessionId: string }>('Target.attachToTarget', {
          targetId: page.targetId,
          flatten: true,
        });
        browser.#sessionId = attached.sessionId;
        return browser;
      }
      await sleep(100);
    }
  }

  /** Call a method: of the page, once there is one. Rejects with the browser's words. */
  send<Result>(method: string, params: Record<string, unknown> = {}): Promise<Result> {
    this.#lastId += 1;
    const id = this.#lastId;
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId: this.#sessionId })}\0`);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as (result: unknown) => void, reject });
    });
  }

  /** Hear of an event; one listener each. */
  on(event: string, listener: (params: Record<string, unknown>) => void): void {
    this.#listeners.set(event, listener);
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
    await rm(this.#profile, { recursive: true, force: true });
  }

  #take(text: string): void {
    const messages = (this.#received + text).split('\0');
    this.#received = messages.pop()!;
    for (const message of messages) {
      const { id, method, params, result, error } = JSON.parse(message) as Message;
      const call = id === undefined ? undefined : this.#calls.get(id);
      if (call !== undefined) {
        this.#calls.delete(id!);
        if (error === undefined) {
          call.resolve(result);
        } else {
          call.reject(new Error(error.message));
        }
      } else if (method !== undefined) {
        this.#listeners.get(method)?.(params ?? {});
      }
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#calls.values()) {
      reject(error);
    }
    this.#calls.clear();
  }
}
