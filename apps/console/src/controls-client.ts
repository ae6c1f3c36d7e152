/** Why a change was refused: the message of the service that refused it. */
export interface Refusal {
  readonly message: string;
  readonly remedy: string;
  /** It takes the control token. */
  readonly needsToken: boolean;
}

const TOKEN = 'semcast-control-token';
const UNAUTHORISED = 401;

export function rememberToken(token: string): void {
  sessionStorage.setItem(TOKEN, token);
}

/**
 * Change the channel or the stream.
 *
 * @returns why not, or null when it is done
 */
export async function change(what: 'channel' | 'stream', body: object): Promise<Refusal | null> {
  const token = sessionStorage.getItem(TOKEN);
  let response: Response;
  try {
    response = await fetch(`/control/${what}`, {
      method: 'PUT',
      headers: {
        'content-type': 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
  } catch {
    return { message: "the console's server doesn't answer", remedy: 'it is tried again by itself', needsToken: false };
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
