import { describe, expect, it } from 'vitest';
import { listenSettings, secretSchema } from './settings.js';

describe('secretSchema', () => {
  it.each(['hush', 'hush\r', 'hush\r\n', ' hush\t'])('reads %j as it was meant', (text) => {
    expect(secretSchema.parse(text)).toBe('hush');
  });

  it.each(['', ' ', '\r\n'])('refuses %j', (text) => {
    expect(secretSchema.safeParse(text).error?.issues[0]?.message).toMatch(/^is empty/);
  });
});

describe('allowedHosts', () => {
  it.each(['receiver:7402', 'http://receiver', '', 'a b', '*'])('has no place for "%s"', (name) => {
    expect(listenSettings(0).allowedHosts.safeParse([name]).success).toBe(false);
  });
});
