import { once } from 'node:events';
import { connect } from 'node:net';
import { withAnySignal } from '@semcast/core';

export interface ReceiverProbeOptions {
  /** `ws://host:port` or `wss://host:port`. */
  readonly url: string;
  /** Milliseconds between probes. */
  readonly intervalMs: number;
  /**
   * Called with the result of every probe and every link: why the receiver can't be reached, or that it can
   * (undefined).
   */
  readonly onFound: (problem: string | undefined) => void;
}

/** Whether something listens where the receiver should. */
export interface ReceiverProbe {
  /** Why the receiver can't be reached; undefined when it can. */
  readonly problem: string | undefined;
  /** Report what a link found out meanwhile. */
  note(problem: string | undefined): void;
  close(): void;
}

/**
 * Probe at intervals whether a receiver listens, so that /readyz knows before the first transmitter does.
 *
 * It only opens and closes a TCP connection: a hello would take a stream's place at the receiver.
 */
export function probeReceiver({ url, intervalMs, onFound }: ReceiverProbeOptions): ReceiverProbe {
  const { hostname, port, protocol } = new URL(url);
  const address = {
    // URL keeps the brackets of an IPv6 address, net.connect wants none.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'wss:' ? 443 : 80) : Number(port),
  };
  let problem: string | undefined = 'it was not looked for yet';
  const note = (found: string | undefined): void => {
    problem = found;
    onFound(found);
  };
  const closing = new AbortController();
  const look = async (): Promise<void> => {
    const attempt = connect(address);
    // For an error that comes when the attempt is over.
    attempt.on('error', () => {});
    const expired = AbortSignal.timeout(intervalMs);
    const found = await withAnySignal([expired, closing.signal], async (signal) =>
      once(attempt, 'connect', { signal }),
    ).then(
      () => undefined,
      ({ message }: Error) =>
        expired.aborted ? `no answer within ${intervalMs} ms` : message === '' ? 'connection failed' : message,
    );
    attempt.destroy();
    if (!closing.signal.aborted) {
      note(found);
    }
  };

  void look();
  const timer = setInterval(() => void look(), intervalMs);
  timer.unref();
  return {
    get problem() {
      return problem;
    },
    note,
    close: () => {
      clearInterval(timer);
      closing.abort();
    },
  };
}
