import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dashboards, generateFiles, REPOSITORY_ROOT } from '@semcast/deploy';
import { describe, expect, it } from 'vitest';

const files = await generateFiles();

describe('generated files', () => {
  it.each(files)('$path is what the sources make (else: npm run generate)', async ({ path, content }) => {
    expect(await readFile(join(REPOSITORY_ROOT, path), 'utf8')).toBe(content);
  });

  it('are all the dashboards that Grafana is given', async () => {
    const names = await readdir(join(REPOSITORY_ROOT, 'deploy', 'grafana', 'dashboards'));
    expect(names.sort()).toEqual(
      Object.keys(dashboards)
        .map((name) => `${name}.json`)
        .sort(),
    );
  });
});

describe('the dashboards', () => {
  const all = Object.entries(dashboards);

  it('have addresses of their own, so that links to them last', () => {
    expect(all.map(([name, { uid }]) => [name, uid])).toEqual(all.map(([name]) => [name, `semcast-${name}`]));
  });

  interface PanelLike {
    readonly id?: number;
    readonly type: string;
    readonly title?: string;
    readonly description?: string;
    readonly datasource?: { readonly uid?: string };
    readonly targets?: readonly { readonly refId?: string }[];
    readonly gridPos?: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  }

  it.each(all)('%s: every panel says what it shows, has its own id and lies on no other', (_, { panels = [] }) => {
    const placed = panels as readonly PanelLike[];
    expect(new Set(placed.map(({ id }) => id)).size).toBe(placed.length);
    const cells = new Set<string>();
    for (const { title, gridPos } of placed) {
      const { x, y, w, h } = gridPos!;
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let cell = 0; cell < w * h; cell++) {
        const key = `${x + (cell % w)},${y + Math.floor(cell / w)}`;
        expect(cells.has(key), `${title} lies on another panel`).toBe(false);
        cells.add(key);
      }
    }
    for (const { title, description, datasource, targets = [] } of placed.filter(({ type }) => type !== 'row')) {
      expect(description, title).toMatch(/^.{3,}\.$/);
      expect(datasource?.uid, title).toBe('${datasource}');
      expect(targets.length, title).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
    }
  });
});
