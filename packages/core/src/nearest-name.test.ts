import { describe, expect, it } from 'vitest';
import { editDistance, nearestName, suggestName } from './nearest-name.js';

describe('editDistance', () => {
  it.each([
    ['port', 'port', 0],
    ['', 'port', 4],
    ['port', '', 4],
    ['prot', 'port', 1],
    ['ports', 'port', 1],
    ['pot', 'port', 1],
    ['sort', 'port', 1],
    ['kitten', 'sitting', 3],
    ['maxSession', 'maxSessions', 1],
  ])('%s → %s: %d', (from, to, edits) => {
    expect(editDistance(from, to)).toBe(edits);
    expect(editDistance(to, from)).toBe(edits);
  });
});

describe('nearestName', () => {
  const known = ['port', 'host', 'token', 'maxSessions', 'maxPayloadBytes'];

  it('finds what was probably meant', () => {
    expect(nearestName('prot', known)).toBe('port');
    expect(nearestName('PORT', known)).toBe('port');
    expect(nearestName('maxsession', known)).toBe('maxSessions');
    expect(nearestName('maxPayloadByte', known)).toBe('maxPayloadBytes');
    expect(nearestName('recevier', ['transmitter', 'receiver'])).toBe('receiver');
    expect(nearestName('trans', ['up', 'transmitter'])).toBe('transmitter');
  });

  it('stays silent when nothing is near, or the name is no name', () => {
    expect(nearestName('colour', known)).toBeUndefined();
    expect(nearestName('x', ['port'])).toBeUndefined();
    expect(nearestName('p'.repeat(101), ['p'.repeat(100)])).toBeUndefined();
    expect(nearestName('p'.repeat(100), ['p'.repeat(101)])).toBe('p'.repeat(101));
    expect(nearestName('port', [])).toBeUndefined();
  });
});

describe('suggestName', () => {
  it('suggests, or lists, or says nothing', () => {
    expect(suggestName('prot', ['port', 'host'])).toBe('; did you mean "port"?');
    expect(suggestName('colour', ['port', 'host'])).toBe('; known are port, host');
    expect(suggestName('colour', [])).toBe('');
    const many = Array.from({ length: 13 }, (_, i) => `option-${i}-of-many`);
    expect(suggestName('colour', many)).toBe(`; known are ${many.slice(0, 12).join(', ')}, …`);
  });
});
