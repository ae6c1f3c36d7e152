import { applyMessage, LIVE_VERSION, type LiveMessage, type LiveView } from '@semcast/console-messages';

export type ConnectionState =
  | { readonly name: 'connecting' }
  | { readonly name: 'open' }
  /** The console's own server can't be reached; another attempt follows. */
  | { readonly name: 'lost'; readonly sinceMs: number };

export interface Live {
  readonly view: LiveView | null;
  readonly connection: ConnectionState;
}

export interface LiveConnection {
  readonly current: Live;
  /** Returns what ends it. */
  subscribe(listener: () => void): () => void;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;
/** The close code of a server that gave the page's place to a newer one. */
const TRY_AGAIN_LATER = 1013;
/** The server says something every five seconds, if only that it is there. */
const SILENCE_MS = 15_000;
const RELOADED = 'semcast-reloaded-at';
/** A page that is still old after it was loaded anew would load itself for ever. */
const RELOAD_EVERY_MS = 60_000;

/** Keep a page up to date, from now on and over every interruption: a wall has nobody who presses "reload". */
export function openLive(): LiveConnection {
  let current: Live = { view: null, connection: { name: 'connecting' } };
  const listeners = new Set<() => void>();
  let socket: WebSocket | undefined;
  /** Ends the listeners of the socket in use. */
  let listening = new AbortController();
  let failures = 0;
  let retry: number | undefined;
  let silence: number | undefined;

  const set = (change: Partial<Live>): void => {
    current = { ...current, ...change };
    for (const listener of listeners) {
      listener();
    }
  };

  const listen = (): void => {
    window.clearTimeout(silence);
    silence = window.setTimeout(() => {
      // A cable that was pulled closes nothing.
      socket?.close();
      lost();
    }, SILENCE_MS);
  };

  const lost = (code?: number): void => {
    if (socket === undefined) {
      return;
    }
    listening.abort();
    socket = undefined;
    window.clearTimeout(silence);
    failures++;
    if (current.connection.name !== 'lost') {
      set({ connection: { name: 'lost', sinceMs: Date.now() } });
    }
    // Pages that are too many take turns, and not in haste.
    const delayMs =
      code === TRY_AGAIN_LATER ? LAST_RETRY_MS : Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LAST_RETRY_MS);
    retry = window.setTimeout(connect, delayMs * (0.75 + Math.random() / 4));
  };

  const receive = ({ data }: MessageEvent<unknown>): void => {
    listen();
    const message = JSON.parse(String(data)) as LiveMessage;
    if (message.type === 'snapshot') {
      failures = 0;
      if (message.version !== LIVE_VERSION) {
        reload();
        return;
      }
    }
    set({ view: applyMessage(current.view, message, Date.now()), connection: { name: 'open' } });
  };

  const connect = (): void => {
    window.clearTimeout(retry);
    if (socket !== undefined) {
      return;
    }
    socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/live`);
    listening = new AbortController();
    socket.addEventListener('message', receive, { signal: listening.signal });
    socket.addEventListener('close', ({ code }) => lost(code), { signal: listening.signal });
    listen();
  };

  const hurry = (): void => {
    if (socket === undefined) {
      failures = 0;
      connect();
    }
  };
  window.addEventListener('online', hurry);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) {
      hurry();
    }
  });

  connect();
  return {
    get current() {
      return current;
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The server was replaced by one of another release: get its page. */
function reload(): void {
  const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
  if (Date.now() - last > RELOAD_EVERY_MS) {
    sessionStorage.setItem(RELOADED, String(Date.now()));
    location.reload();
  }
}
