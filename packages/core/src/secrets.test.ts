import { describe, expect, it } from 'vitest';
import { describeError, SemcastError } from './errors.js';
import { redactUrls } from './secrets.js';

describe('redactUrls', () => {
  it.each([
    ['ws://user:hunter2@host:7401/path', 'ws://user:[redacted]@host:7401/path'],
    ['nats://hunter2@host:4222', 'nats://[redacted]@host:4222'],
    ['ws://user:hunter@2@host', 'ws://user:[redacted]@host'],
    ['ws://host/?token=hunter2&stream=a', 'ws://host/?token=[redacted]&stream=a'],
    ['/feed?after=1&access_token=hunter2#x', '/feed?after=1&access_token=[redacted]#x'],
    [
      'the one at ws://u:hunter2@a, not wss://u:hunter2@b: gone',
      'the one at ws://u:[redacted]@a, not wss://u:[redacted]@b: gone',
    ],
    ['{"url":"ws://u:hunter2@a?key=hunter2"}', '{"url":"ws://u:[redacted]@a?key=[redacted]"}'],
  ])('hides what is secret in %s', (text, redacted) => {
    expect(redactUrls(text)).toBe(redacted);
    expect(redactUrls(redacted)).toBe(redacted);
  });

  it.each([
    'ws://127.0.0.1:7401/a:b@c',
    'http://host/?tokens=5&monkey=1',
    'mail to somebody@example.com',
    'a?b=c',
    'user:hunter2@host',
  ])('leaves %s', (text) => {
    expect(redactUrls(text)).toBe(text);
  });

  it('takes no time on long texts without any', () => {
    const began = performance.now();
    for (const piece of ['a', '://', '?a', 'a=', '@', '://a', '&&']) {
      redactUrls(piece.repeat(200_000));
    }
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe('an error', () => {
  it('has no secret in its message or remedy, nor in the line that describes it', () => {
    const url = 'ws://user:hunter2@host/?token=hunter2';
    const error = new SemcastError('E_TEST', `nothing at ${url}`, { remedy: `look at ${url}` });
    expect(`${error.message} ${error.remedy} ${describeError(error)} ${describeError(new Error(url))}`).not.toContain(
      'hunter2',
    );
    expect(error.message).toBe('nothing at ws://user:[redacted]@host/?token=[redacted]');
  });
});
