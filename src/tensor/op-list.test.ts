import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderOpList } from './op-list.js';
import { allOps } from './ops/index.js';

describe('the op list', () => {
  const page = renderOpList(allOps);

  it('has a row for each op', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => row.split('`')[1])).toEqual(allOps.map(({ name }) => name));
  });

  it('keeps every row at seven cells, whatever the summaries say', () => {
    const counts = page
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split(/(?<!\\)\|/).length - 2);
    expect(new Set(counts)).toEqual(new Set([7]));
  });

  it('stands in docs/ops.md as it is (run `node scripts/op-list.mjs` after a build)', () => {
    expect(readFileSync(new URL('../../docs/ops.md', import.meta.url), 'utf8')).toBe(page);
  });
});
