import { describe, expect, it } from 'vitest';
import { array, evaluateFunction } from './evaluate-graph.js';
import { gather, scatterAdd } from './gather.js';
import { putAlong, takeAlong } from './take-along.js';
import { updateRows } from './update-rows.js';

const index = (data: number[], shape = [data.length]) => array(data, shape, 'i32');

describe('indexed ops', () => {
  it('gather reads rows and scatterAdd sums them back', () => {
    const table = array([1, 2, 3, 4, 5, 6], [3, 2]);
    const [rows, sums] = evaluateFunction(
      (t, i) => [gather(t!, i!), scatterAdd(i!, gather(t!, i!), 3)],
      table,
      index([2, 0, 2]),
    );
    expect([...rows!.data]).toEqual([5, 6, 1, 2, 5, 6]);
    expect([...sums!.data]).toEqual([1, 2, 0, 0, 10, 12]);
  });

  it('takeAlong reads elements of each row and putAlong sums them back', () => {
    const x = array([1, 2, 3, 4, 5, 6], [2, 3]);
    const [picked, put] = evaluateFunction(
      (t, i) => [takeAlong(t!, i!), putAlong(i!, takeAlong(t!, i!), 3)],
      x,
      index([2, 2, 0, 1], [2, 2]),
    );
    expect([...picked!.data]).toEqual([3, 3, 4, 5]);
    expect([...put!.data]).toEqual([0, 0, 6, 4, 5, 0]);
  });

  it.each([3, -1])('refuse the index %d of three', (wrong) => {
    const attempt = (f: Parameters<typeof evaluateFunction>[0]) => () =>
      evaluateFunction(f, array([1, 2, 3], [3, 1]), index([wrong]));
    const error = expect.objectContaining({ code: 'E_PROGRAM' });
    expect(attempt((t, i) => [gather(t!, i!)])).toThrow(error);
    expect(attempt((t, i) => [scatterAdd(i!, gather(t!, i!), 3)])).toThrow(error);
  });

  it('updateRows writes from the position on and skips what falls outside', () => {
    const cache = array(new Float64Array(8), [2, 4, 1]);
    const rows = array([1, 2, 3, 4], [2, 2, 1]);
    const [result] = evaluateFunction((c, r, p) => [updateRows(c!, r!, p!)], cache, rows, index([3, -1]));
    expect([...result!.data]).toEqual([0, 0, 0, 1, 4, 0, 0, 0]);
    expect(new Set(cache.data)).toEqual(new Set([0]));
  });
});
