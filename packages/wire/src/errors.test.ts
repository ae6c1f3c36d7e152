import { readFileSync } from 'node:fs';
import type { SemcastError } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES } from './close-codes.js';
import * as errors from './errors.js';
import { fitReason } from './message-socket.js';

describe('errors', () => {
  it('are all documented with their codes', () => {
    const documented = readFileSync(new URL('../ERRORS.md', import.meta.url), 'utf8');
    const sources = ['errors.ts', 'inbound-streams.ts'].map((file) =>
      readFileSync(new URL(file, import.meta.url), 'utf8'),
    );
    const codes = new Set(sources.join().match(/\bE_[A-Z_]+\b/g));
    expect(codes.size).toBeGreaterThan(25);
    expect([...codes].filter((code) => !documented.includes(`\`${code}\``))).toEqual([]);
  });

  it('say what to do, and close with a code that may be sent', () => {
    const samples: SemcastError[] = [
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
