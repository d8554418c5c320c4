import { describe, expect, it } from 'vitest';
import { i32, randomArray } from '../../nn/test-support.js';
import { groupedMatmul, groupedOuter, matmul, reshape, slice, sortByGroup, type Tensor } from '../../tensor/index.js';
import { compile } from '../compile.js';
import { defaultExecutor, setThreads } from '../default-executor.js';
import type { HostArray } from '../host-array.js';

const executor = defaultExecutor();
// biome-ignore lint/suspicious/noExplicitAny: parameters mirror the arguments, tensors for arrays
const run = (f: (...inputs: any[]) => unknown, ...inputs: HostArray[]) => compile(f as never, { executor })(...inputs);

const bits = (array: HostArray): Uint32Array => new Uint32Array(Float32Array.from(array.data).buffer);

/** Rows of groups: none, one, few, many, more than a block of the sum, none; and rows in no group. */
const sizes = [0, 1, 9, 70, 400, 0];
const [rows, k, n] = [500, 37, 50];

describe('grouped products', () => {
  const x = randomArray([rows, k], 1);
  const y = randomArray([rows, n], 2);
  const counts = i32(sizes);
  const begins = sizes.map((_, g) => sizes.slice(0, g).reduce((sum, size) => sum + size, 0));
  const part = (of: Tensor, g: number): Tensor =>
    slice(of, { axis: 0, start: begins[g]!, end: begins[g]! + sizes[g]! });
  const matrix = (of: Tensor, g: number): Tensor =>
    reshape(slice(of, { axis: 0, start: g, end: g + 1 }), of.shape.slice(1));

  it.each([false, true])('have the bits of a plain product for each group, transposeB: %s', async (transposeB) => {
    const w = randomArray([sizes.length, ...(transposeB ? [n, k] : [k, n])], 3);
    const whole: HostArray = await run((a, b, c) => groupedMatmul(a, b, c, { transposeB }), x, w, counts);
    for (let g = 0; g < sizes.length; g++) {
      const own: HostArray = await run((a, b) => matmul(part(a, g), matrix(b, g), { transposeB }), x, w);
      expect(bits(whole).subarray(begins[g]! * n, (begins[g]! + sizes[g]!) * n)).toEqual(bits(own));
    }
    expect(Array.from(whole.data.subarray(480 * n))).toEqual(new Array(20 * n).fill(0));
  });

  it('of transposed rows have them too, and are zero where a group is empty', async () => {
    const whole: HostArray = await run((a, b, c) => groupedOuter(a, b, c), x, y, counts);
    for (let g = 0; g < sizes.length; g++) {
      const own = bits(whole).subarray(g * k * n, (g + 1) * k * n);
      if (sizes[g] === 0) expect(own).toEqual(new Uint32Array(k * n));
      else {
        const plain: HostArray = await run((a, b) => matmul(part(a, g), part(b, g), { transposeA: true }), x, y);
        expect(own).toEqual(bits(plain));
      }
    }
  });

  it.each([
    ['all rows in one group', [0, 0, 64, 0]],
    ['a row in each group', [1, 1, 1, 1]],
    ['more rows than there are', [60, 60, 60, 60]],
  ])('are the same on any number of threads: %s', async (_, some) => {
    const [a, w] = [randomArray([64, 48], 4), randomArray([4, 48, 600], 5)];
    const results: Uint32Array[] = [];
    for (const threads of [1, 3]) {
      setThreads(threads);
      const both: HostArray[] = await run(
        (p, q, c) => {
          const product = groupedMatmul(p, q, c);
          return [product, groupedOuter(p, product, c)];
        },
        a,
        w,
        i32(some),
      );
      results.push(bits(both[0]!), bits(both[1]!));
    }
    expect(results.slice(0, 2)).toEqual(results.slice(2));
  });
});

describe('sortByGroup', () => {
  it('refuses a group that there is not', async () => {
    const bad = run((g) => sortByGroup(g, 3).places, i32([0, 3], [2, 1]));
    await expect(bad).rejects.toMatchObject({ code: 'E_PROGRAM', message: expect.stringContaining('group 3') });
  });

  it('keeps the order within a group', async () => {
    const sorted = await run((g) => ({ ...sortByGroup(g, 3) }), i32([2, 0, 2, 1, 0, 2], [3, 2]));
    expect(Array.from(sorted.rows.data)).toEqual([0, 2, 1, 0, 1, 2]);
    expect(Array.from(sorted.groups.data)).toEqual([0, 0, 1, 2, 2, 2]);
    expect(Array.from(sorted.places.data)).toEqual([3, 0, 4, 2, 1, 5]);
    expect(Array.from(sorted.sizes.data)).toEqual([2, 1, 3]);
  });
});
