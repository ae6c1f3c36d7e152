/** Why a change was refused: the message of the service that refused it. */
export interface Refusal {
  readonly message: string;
  readonly remedy: string;
  /** It takes the control token. */
  readonly needsToken: boolean;
}

/** What can be changed: a service's settings. */
export type Group = 'channel' | 'stream';
export type Refusals = Readonly<Partial<Record<Group, Refusal>>>;

const TOKEN = 'semcast-control-token';
const UNAUTHORISED = 401;
/** While something slides, it is written so often at most. */
const SLIDE_MS = 100;

export function rememberToken(token: string): void {
  sessionStorage.setItem(TOKEN, token);
}

/** The header that shows the token, where there is one. */
function authorisation(): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN);
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

interface Write {
  readonly body: object;
  /** One of many values that follow each other: only the newest counts. */
  readonly slides: boolean;
}

/**
 * The writes of one service's settings: one at a time and in order, so that none overtakes another. Values of a slider
 * are thinned out, the last one never: it is written when the slider is let go, or a moment later.
 */
class Writer {
  readonly #group: Group;
  #waiting: Write[] = [];
  #busy = false;
  #slidMs = -Infinity;
  #timer: number | undefined;

  constructor(group: Group) {
    this.#group = group;
  }

  put(body: object, slides: boolean): void {
    this.#waiting = this.#waiting.filter((earlier) => !(earlier.slides && decidesAgain(body, earlier.body)));
    this.#waiting.push({ body, slides });
    void this.#go();
  }

  /** A slider was let go: its last value needn't wait. */
  flush(): void {
    this.#slidMs = -Infinity;
    void this.#go();
  }

  async #go(): Promise<void> {
    const [next] = this.#waiting;
    if (this.#busy || next === undefined) {
      return;
    }
    const leftMs = next.slides ? this.#slidMs + SLIDE_MS - performance.now() : 0;
    window.clearTimeout(this.#timer);
    if (leftMs > 0) {
      this.#timer = window.setTimeout(() => void this.#go(), leftMs);
      return;
    }
    this.#waiting.shift();
    this.#busy = true;
    this.#slidMs = next.slides ? performance.now() : this.#slidMs;
    tell(this.#group, await write(this.#group, next.body));
    this.#busy = false;
    void this.#go();
  }
}

/** Whether a change leaves nothing of an earlier one. */
function decidesAgain(later: object, earlier: object): boolean {
  const setsSnr = 'snr' in later || 'preset' in later;
  return Object.keys(earlier).every((key) => key in later || (key === 'snrDb' && setsSnr));
}

const writers: Readonly<Record<Group, Writer>> = { channel: new Writer('channel'), stream: new Writer('stream') };
let refusals: Refusals = {};
const listeners = new Set<(refusals: Refusals) => void>();

/** Called with every change of what was refused last; returns what ends it. */
export function onRefusals(listener: (refusals: Refusals) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function forgetRefusals(): void {
  tellAll({});
}

/** Change a service's settings, after what was changed before. */
export function change(group: Group, body: object, { slides = false }: { readonly slides?: boolean } = {}): void {
  writers[group].put(body, slides);
}

/** What slid has come to rest. */
export function settle(group: Group): void {
  writers[group].flush();
}

function tell(group: Group, refusal: Refusal | null): void {
  const { [group]: _, ...others } = refusals;
  tellAll(refusal === null ? others : { ...others, [group]: refusal });
}

function tellAll(now: Refusals): void {
  refusals = now;
  for (const listener of listeners) {
    listener(now);
  }
}

async function write(group: Group, body: object): Promise<Refusal | null> {
  return await send(`/control/${group}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/**
 * Ask the console's server for something that takes the token, where there is one.
 *
 * @returns why not, or null when it is done
 */
export async function send(
  path: string,
  request: { readonly method: string; readonly headers: Readonly<Record<string, string>>; readonly body: BodyInit },
): Promise<Refusal | null> {
  let response: Response;
  try {
    response = await fetch(path, { ...request, headers: { ...request.headers, ...authorisation() } });
  } catch {
    return {
      message: "the console's server doesn't answer",
      remedy: 'try again when the page has it back',
      needsToken: false,
    };
  }
  if (response.ok) {
    return null;
  }
  const answer: unknown = await response.json().catch(() => null);
  return { ...refusalOf(answer, response.status), needsToken: response.status === UNAUTHORISED };
}

function refusalOf(answer: unknown, status: number): Pick<Refusal, 'message' | 'remedy'> {
  if (typeof answer === 'object' && answer !== null && 'error' in answer) {
    const { error } = answer;
    if (typeof error === 'object' && error !== null && 'message' in error) {
      return { message: String(error.message), remedy: 'remedy' in error ? String(error.remedy) : '' };
    }
  }
  return { message: `the change was refused (${status})`, remedy: '' };
}
