import { basename, dirname } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { findProgram } from './programs.js';

describe('findProgram', () => {
  const path = dirname(process.execPath);

  it('finds what is on the path', () => {
    const name = basename(process.execPath);
    expect(findProgram(name, 'nodejs', { PATH: `/nowhere:${path}` })).toBe(process.execPath);
  });

  it('says what is missing, and which package has it', () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(findProgram('no-such-program', 'no-such-package', { PATH: path })).toBeUndefined();
      expect(write.mock.calls.join('')).toMatch(/skipped: no-such-program.*no-such-package/);
    } finally {
      write.mockRestore();
    }
  });

  it('fails where programs are required', () => {
    const env = { PATH: path, SEMCAST_REQUIRE_TOOLS: '1' };
    expect(() => findProgram('no-such-program', 'no-such-package', env)).toThrow('SEMCAST_REQUIRE_TOOLS');
    expect(findProgram(basename(process.execPath), 'nodejs', env)).toBe(process.execPath);
  });
});
