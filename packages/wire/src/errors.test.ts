import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES, retryAfter, type Retry } from './close-codes.js';
import * as errors from './errors.js';
import { fitReason } from './message-socket.js';

const { FRAME_FAULTS, LINK_FAULTS } = errors;
const samples: readonly errors.WireError[] = [
  ...(Object.keys(FRAME_FAULTS) as errors.FrameFault[]).map((code) => new errors.FrameError(code, 'x')),
  ...(Object.keys(LINK_FAULTS) as errors.LinkFault[]).map((code) => new errors.LinkError(code, 'x')),
  new errors.UpgradeRefused('x', 404),
  errors.serviceFailed(new Error('x')),
];

/** Errors of one frame, and of a client that has nobody to tell. */
const CLOSE_NOTHING: ReadonlySet<string> = new Set([
  'E_FRAME_DUPLICATE',
  'E_LINK_CLOSED',
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
