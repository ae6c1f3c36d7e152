import { chromium, type Browser, type CDPSession } from 'playwright-core';

type Params = Record<string, unknown>;
type Settle = { readonly resolve: (result: never) => void; readonly reject: (error: Error) => void };

/** What a page says: an answer to a call, or an event. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Params;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/**
 * A headless browser with one page, to which only those debugging domains are on that one asks for.
 *
 * Playwright turns all of them on for its own pages. The network's keeps what was loaded: with it the memory of a page
 * that loads pictures grows by megabytes a minute, whatever the page does. So this page is in a
 * context that Playwright didn't make, from whose pages it detaches.
 */
export class PlainBrowser {
  readonly #browser: Browser;
  readonly #session: CDPSession;
  readonly #calls: Settle[] = [];
  readonly #listeners = new Map<string, (params: Params) => void>();
  #page = '';

  private constructor(browser: Browser, session: CDPSession) {
    this.#browser = browser;
    this.#session = session;
    session.on('Target.receivedMessageFromTarget', ({ message }) => {
      const { id, method = '', params = {}, result, error } = JSON.parse(message) as Message;
      if (id === undefined) {
        this.#listeners.get(method)?.(params);
      } else if (error === undefined) {
        this.#calls[id]!.resolve(result as never);
      } else {
        this.#calls[id]!.reject(new Error(error.message));
      }
    });
  }

  static async start(executablePath: string, url: string): Promise<PlainBrowser> {
    const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
    const driven = await chromium.launch({ executablePath, args });
    const browser = new PlainBrowser(driven, await driven.newBrowserCDPSession());
    const session = browser.#session;
    const { browserContextId } = await session.send('Target.createBrowserContext');
    const size = { width: 1280, height: 900 };
    const { targetId } = await session.send('Target.createTarget', { url, browserContextId, ...size });
    browser.#page = (await session.send('Target.attachToTarget', { targetId, flatten: false })).sessionId;
    return browser;
  }

  /** Process ids of the browser's renderers. */
  async renderers(): Promise<number[]> {
    const { processInfo } = await this.#session.send('SystemInfo.getProcessInfo');
    return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  }

  /** Call a method of the page. Rejects with the browser's message. */
  async send<Result>(method: string, params: Params = {}): Promise<Result> {
    const answer = new Promise<Result>((resolve, reject) => {
      this.#calls.push({ resolve, reject });
    });
    const message = JSON.stringify({ id: this.#calls.length - 1, method, params });
    await this.#session.send('Target.sendMessageToTarget', { message, sessionId: this.#page });
    return await answer;
  }

  /** Hear of an event; one listener each. */
  on(event: string, listener: (params: Params) => void): void {
    this.#listeners.set(event, listener);
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}
