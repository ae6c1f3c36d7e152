import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES, retryAfter, type Retry } from './close-codes.js';
import * as errors from './errors.js';
import { fitReason } from './message-socket.js';

const samples: readonly errors.WireError[] = [
  new errors.FrameTruncated('x'),
  new errors.FrameOverlong('x'),
  new errors.FrameTooLarge('x'),
  new errors.BadMagic('x'),
  new errors.BadVersion('x'),
  new errors.BadChecksum('x'),
  new errors.BadKind('x'),
  new errors.BadHead('x'),
  new errors.BadPayload('x'),
  new errors.TextMessage(),
  new errors.UnexpectedMessage('x'),
  new errors.BadToken('x'),
  new errors.HelloTimeout(5),
  new errors.LinkReplaced('cam-1'),
  new errors.StreamTaken('cam-1', { byOwnRun: false }),
  new errors.TooManySessions(5),
  new errors.TooManyStreams(5),
  new errors.TryAgain('x'),
  new errors.SlowReader(5),
  new errors.ServiceFailed(new Error('x')),
  new errors.BadLinkUrl('x'),
  new errors.UpgradeRefused('x', 404),
  new errors.LinkUnreachable('x'),
  new errors.LinkTimeout('x'),
  new errors.LinkLost('x'),
  new errors.OutboxFull(5),
  new errors.DuplicateFrame(5),
];

/** Errors of one frame, and of a client that has nobody to tell. */
const CLOSE_NOTHING: ReadonlySet<string> = new Set([
  'E_FRAME_DUPLICATE',
  'E_LINK_TIMEOUT',
  'E_LINK_UNREACHABLE',
  'E_LINK_UPGRADE',
  'E_LINK_URL',
  'E_OUTBOX_FULL',
]);

/** How docs/errors.md marks close codes. */
const MARKS: Record<Retry, string> = { always: '', limited: '*', never: '**' };

/** The second cell of the row of every code in docs/errors.md that closes a link. */
function documentedCloseCodes(): Map<string, string> {
  const document = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const section = document.split(/^## /m).find((part) => part.startsWith('Link and wire'))!;
  return new Map(
    [...section.matchAll(/^\| `(E_\w+)` \| ([^|]+) \|.*\|.*\|$/gm)].map((match) => [match[1]!, match[2]!]),
  );
}

describe('errors', () => {
  it('are documented with the codes that they close with', () => {
    const documented = documentedCloseCodes();
    expect(documented.size).toBeGreaterThan(25);
    for (const { code, closeCode } of samples) {
      const written = MARKS[retryAfter(closeCode)] + String(closeCode) + MARKS[retryAfter(closeCode)];
      expect((documented.get(code) ?? '—').split(/, | and /), code).toContain(CLOSE_NOTHING.has(code) ? '—' : written);
    }
    const all = [...documented.values()].join();
    const told = Object.values(CLOSE_CODES).filter((code) => code > CLOSE_CODES.goingAway);
    expect(told.filter((code) => !all.includes(String(code)))).toEqual([]);
  });

  it('say what to do, and close with a code that may be sent', () => {
    for (const error of samples) {
      expect(error.remedy, error.name).toBeTruthy();
      expect(error.name).not.toBe('Error');
    }
    expect(Object.values(CLOSE_CODES).every((code) => code >= 1000 && code < 5000)).toBe(true);
  });

  it('fit into a close frame, cut between characters', () => {
    expect(fitReason('short')).toBe('short');
    for (const text of ['x'.repeat(200), 'ä'.repeat(200), '€'.repeat(200), `x${'🙂'.repeat(200)}`]) {
      const fitted = fitReason(text);
      expect(text.startsWith(fitted)).toBe(true);
      expect(Buffer.byteLength(fitted)).toBeGreaterThan(119);
      expect(Buffer.byteLength(fitted)).toBeLessThanOrEqual(123);
    }
  });
});
